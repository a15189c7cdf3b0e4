"""Reading Kubernetes objects from files and folders, remembering the file and the line of every field."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_SUFFIXES = frozenset({".yaml", ".yml", ".json"})


class BadInputError(Exception):
    """Input that cannot be used: exit code 2. The text names file, line and field."""


@dataclass(frozen=True, slots=True)
class Located:
    """One object with the place that it was read from."""

    path: Path
    object: dict[str, Any] = field(hash=False)
    node: yaml.Node = field(hash=False, repr=False)

    def line_of(self, field_path: str) -> int:
        """Return the line of a field such as ``spec.scaling.maxReplicas``, or of its nearest parent that is there."""
        node, line = self.node, self.node.start_mark.line + 1
        for part in field_path.replace("[", ".").replace("]", "").split("."):
            step = _step(node, part)
            if step is None:
                return line
            node, line = step
        return line

    @property
    def name(self) -> str:
        """``Kind/name`` for messages."""
        return f"{self.object.get('kind', 'object')}/{(self.object.get('metadata') or {}).get('name', '?')}"


def _step(node: yaml.Node, part: str) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == part:
                return value, key.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
        child = node.value[int(part)]
        return child, child.start_mark.line + 1
    return None


def read(paths: Sequence[Path]) -> list[Located]:
    """Return every object in the files and folders, lists unpacked, in the order of the names.

    Raises:
        BadInputError: when a path is not there, or a file is not YAML or JSON.
    """
    return [located for path in _files(paths) for located in _read_file(path)]


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.suffix in _SUFFIXES and p.is_file())
        elif path.is_file():
            yield path
        else:
            raise BadInputError(f"{path}: wanted a file or a folder, found nothing there: check the path")


def _read_file(path: Path) -> Iterator[Located]:
    try:
        nodes = list(yaml.compose_all(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))
    except (yaml.YAMLError, UnicodeDecodeError) as broken:
        mark = getattr(broken, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise BadInputError(
            f"{path}:{line}: wanted YAML or JSON, found {getattr(broken, 'problem', None) or broken}: mend the file"
        ) from None
    for node in nodes:
        if node is None:
            continue
        loaded = _construct(node)
        if not isinstance(loaded, dict) or "kind" not in loaded:
            raise BadInputError(
                f"{path}:{node.start_mark.line + 1}: wanted a Kubernetes object with a kind, "
                f"found {type(loaded).__name__}: remove it or add apiVersion and kind"
            )
        if loaded["kind"] == "List" or (loaded["kind"].endswith("List") and "items" in loaded):
            items = _step(node, "items")
            children = items[0].value if items else []
            for item, child in zip(loaded.get("items") or [], children, strict=False):
                yield Located(path, item, child)
        else:
            yield Located(path, loaded, node)


def _construct(node: yaml.Node) -> Any:
    loader = yaml.SafeLoader("")
    try:
        # Dates stay text, as they are in JSON.
        return json.loads(json.dumps(loader.construct_document(node), default=str))
    finally:
        loader.dispose()
