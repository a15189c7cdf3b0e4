"""The verb ``crds``: print the CustomResourceDefinitions of this version, write them, or check a cluster or folders."""

import argparse
import difflib
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from quartermaster.api.crd import crds, render
from quartermaster.cli import context, live, output
from quartermaster.cli.files import BadInputError
from quartermaster.cluster.client import Client
from quartermaster.cluster.errors import ApiError
from quartermaster.cluster.resources import Resource

HELP = "print the CustomResourceDefinitions, write them into folders, or check a cluster or folders with --check"
EPILOG = (
    "Without folders they are printed, for `kubectl apply --server-side -f -`; with --check those of the cluster are "
    "compared. Exit status 1: something differs."
)
REMEDY: Final = "run `kubectl quartermaster crds | kubectl apply --server-side -f -`"
_CRDS: Final = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", is_namespaced=False
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="folder to write into or to check")
    parser.add_argument("--check", action="store_true", help="write nothing; say what differs from this version")
    output.arguments(parser, ("yaml", "json"))
    context.arguments(parser)


async def run(given: argparse.Namespace) -> int:
    """Print, write or check.

    Raises:
        BadInputError: when a folder cannot be written to.
    """
    if given.check:
        if given.folders:
            differences = [difference for folder in given.folders for difference in check(folder)]
        else:
            async with live.client(given) as client:
                differences = [difference async for difference in _compare(client)]
        sys.stdout.write("".join(f"{difference}\n" for difference in differences))
        return 1 if differences else 0
    if given.folders:
        for folder in given.folders:
            sys.stdout.write("".join(f"wrote {path}\n" for path in write(folder)))
    elif given.output == "json":
        sys.stdout.write(output.text_of({"apiVersion": "v1", "kind": "List", "items": crds()}, "json"))
    else:
        sys.stdout.write("---\n".join(render().values()))
    return 0


def write(folder: Path) -> list[Path]:
    """Write every CustomResourceDefinition into the folder, which is made where absent; return the files.

    Generated files of a kind that is no more are removed; files of others are left alone.

    Raises:
        BadInputError: when the folder cannot be written to.
    """
    text_by_name = render()
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in _obsolete(folder, frozenset(text_by_name)):
            path.unlink()
        for name, text in text_by_name.items():
            path = folder / name
            path.write_text(text, encoding="utf-8")
            written.append(path)
    except OSError as refused:
        raise BadInputError(f"{folder}: wanted a folder to write into, found: {refused.strerror}") from None
    return written


def check(folder: Path) -> list[str]:
    """Return how the folder's files differ from what would be written, one unified diff or sentence per file."""
    text_by_name = render()
    differences = [f"{path}: no kind of the API: remove it" for path in _obsolete(folder, frozenset(text_by_name))]
    for name, text in text_by_name.items():
        path = folder / name
        if not path.is_file():
            remedy = f"run `kubectl-quartermaster crds {folder}`"
            differences.append(f"{path}: wanted a generated file, found nothing: {remedy}")
            continue
        found = path.read_text(encoding="utf-8")
        if found != text:
            lines = difflib.unified_diff(
                found.splitlines(), text.splitlines(), str(path), "generated", n=1, lineterm=""
            )
            differences.append("\n".join(lines))
    return differences


def _obsolete(folder: Path, wanted_names: frozenset[str]) -> list[Path]:
    return sorted(path for path in folder.glob("quartermaster.dev_*.yaml") if path.name not in wanted_names)


async def _compare(client: Client) -> AsyncIterator[str]:
    """Yield how the cluster's definitions differ from those of this version, one sentence per place."""
    for wanted in crds():
        name = wanted["metadata"]["name"]
        try:
            found = await client.get(_CRDS, None, name)
        except ApiError as error:
            if not error.is_not_found:
                raise
            yield f"{name}: wanted this kind, found none: {REMEDY}"
            continue
        for place in _differences(wanted["spec"], found["spec"], "spec"):
            yield f"{name}: wanted {place} as in this version, found another: {REMEDY}"


def _differences(wanted: Any, found: Any, path: str) -> Iterator[str]:
    """Yield the places at which something wanted is not there, and any difference inside a schema.

    The API server adds defaults of its own beside what was applied, but none inside a schema.
    """
    if isinstance(wanted, Mapping) and isinstance(found, Mapping) and not path.endswith(".schema"):
        for key, value in wanted.items():
            yield from _differences(value, found.get(key), f"{path}.{key}")
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for number, (value, other) in enumerate(zip(wanted, found, strict=True)):
            yield from _differences(value, other, f"{path}[{number}]")
    elif wanted != found:
        yield path
