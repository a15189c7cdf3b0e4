"""The verb ``crds``: write the CustomResourceDefinitions into a folder, or say how a folder differs from them."""

import difflib
from pathlib import Path

from quartermaster.api.crd import render


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
