"""The verb ``crds``: write the CustomResourceDefinitions into a folder, or say how a folder differs from them."""

import argparse
import difflib
import sys
from pathlib import Path

from quartermaster.api.crd import render

HELP = "write the CustomResourceDefinitions into folders, or check them with --check"
_FOLDERS = (Path("crds"), Path("helm/quartermaster/crds"))


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "folders", nargs="*", type=Path, default=[*_FOLDERS], help="folders; crds and the chart's when absent"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a folder differs")


async def run(given: argparse.Namespace) -> int:
    """Write or check every folder."""
    if given.check:
        differences = [difference for folder in given.folders for difference in check(folder)]
        sys.stdout.write("".join(f"{difference}\n" for difference in differences))
        return 1 if differences else 0
    for folder in given.folders:
        sys.stdout.write("".join(f"wrote {path}\n" for path in write(folder)))
    return 0


def write(folder: Path) -> list[Path]:
    """Write every CustomResourceDefinition into the folder, which is made where absent; return the files.

    Generated files of a kind that is no more are removed; files of others are left alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text_by_name = render()
    for path in _obsolete(folder, frozenset(text_by_name)):
        path.unlink()
    written = []
    for name, text in text_by_name.items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def check(folder: Path) -> list[str]:
    """Return how the folder's files differ from what would be written, one unified diff or sentence per file."""
    text_by_name = render()
    differences = [f"{path}: no kind of the API: remove it" for path in _obsolete(folder, frozenset(text_by_name))]
    for name, text in text_by_name.items():
        path = folder / name
        if not path.is_file():
            differences.append(f"{path}: wanted a generated file, found nothing: run `kubectl-quartermaster crds`")
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
