"""Reading Kubernetes objects from files, folders and standard input, remembering the file and the line of every field.

What the objects must look like is judged in ``world``.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import yaml

from quartermaster.cli import lean, locate
from quartermaster.cli.lean import Loader

STANDARD_INPUT: Final = Path("-")
_SUFFIXES = frozenset({".yaml", ".yml", ".json"})


class BadInputError(Exception):
    """Input that cannot be used: exit code 2. The text names file, line and field."""


@dataclass(frozen=True, slots=True)
class Located:
    """One object with the place that it was read from."""

    path: str
    """The file as the user named it; ``<stdin>`` for standard input."""
    object: dict[str, Any] = field(hash=False)
    node: Callable[[], yaml.Node] = field(hash=False, repr=False, compare=False)
    """Composes the text around the object, which is only needed when a line is."""

    def line_of(self, field_path: str) -> int:
        """Return the line of a field such as ``spec.scaling.maxReplicas``, or of its nearest parent that is there."""
        return locate.line_of(self.node(), field_path)

    @property
    def name(self) -> str:
        """``Kind/name`` for messages."""
        metadata = self.object.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        return f"{self.object['kind']}/{name or '?'}"

    def place(self, field_path: str = "") -> str:
        """``file:line`` of a field, or of the object."""
        return f"{self.path}:{self.line_of(field_path)}"


def read(paths: Sequence[Path]) -> list[Located]:
    """Return every object in the files and folders, lists unpacked, in the order of the names; ``-`` is standard input.

    Raises:
        BadInputError: when a path is not there or cannot be read, or a file is not YAML or JSON, or holds no objects.
    """
    return [located for path in _files(paths) for located in _read_file(path)]


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    seen: set[Path] = set()
    for path in paths:
        if path != STANDARD_INPUT and not path.exists():
            raise BadInputError(f"{path}: wanted a file or a folder, found nothing there: check the path")
        found = sorted(p for p in path.rglob("*") if p.suffix in _SUFFIXES and p.is_file()) if path.is_dir() else [path]
        for file in found:
            whole = file.resolve()
            if whole not in seen:
                seen.add(whole)
                yield file


def _read_file(path: Path) -> Iterator[Located]:
    try:
        text = sys.stdin.read() if path == STANDARD_INPUT else path.read_text(encoding="utf-8")
    except UnicodeDecodeError as broken:
        raise BadInputError(f"{path}: wanted UTF-8 text, found {broken.reason}: save it as UTF-8") from None
    except OSError as refused:
        raise BadInputError(f"{path}: wanted a readable file, found: {refused.strerror}: mend its rights") from None
    name = "<stdin>" if path == STANDARD_INPUT else str(path)
    documents = _json(name, text) if path.suffix == ".json" or _is_json(text) else _yaml(name, text)
    for document, node in documents:
        yield from _objects(name, document, node)


def _is_json(text: str) -> bool:
    """Whether the text is JSON under another name, as what kubectl prints into a pipe is."""
    try:
        return text.lstrip().startswith("{") and bool(json.loads(text))
    except json.JSONDecodeError:
        return False


def _json(name: str, text: str) -> Iterator[tuple[Any, Callable[[], yaml.Node]]]:
    """Yield the document of a JSON file. It is read as JSON, which is much faster, and as YAML only for its lines."""
    if not text.strip():
        return
    try:
        document = json.loads(text)
    except json.JSONDecodeError as broken:
        message = f"{name}:{broken.lineno}: wanted JSON, found: {broken.msg}, column {broken.colno}: mend the file"
        raise BadInputError(message) from None
    # Tabs may indent JSON but not YAML; inside a string JSON allows none.
    yield document, cache(lambda: next(_nodes(text.replace("\t", " "))))


def _nodes(text: str) -> Iterator[yaml.Node]:
    return (node for node in yaml.compose_all(text, Loader=Loader) if node is not None)


def _yaml(name: str, text: str) -> Iterator[tuple[Any, Callable[[], yaml.Node]]]:
    """Yield the documents of a YAML file; of an ordinary one the lines are only looked up when somebody asks."""
    try:
        documents = lean.documents(text)
    except lean.NotOrdinaryError:
        yield from _yaml_with_lines(name, text)
        return
    nodes = cache(lambda: list(_nodes(text)))
    for number, document in enumerate(documents):
        yield document, partial(_numbered, nodes, number)


def _numbered(nodes: Callable[[], Sequence[yaml.Node]], number: int) -> yaml.Node:
    return nodes()[number]


def _yaml_with_lines(name: str, text: str) -> Iterator[tuple[Any, Callable[[], yaml.Node]]]:
    try:
        nodes = list(_nodes(text))
    except yaml.YAMLError as broken:
        mark = getattr(broken, "problem_mark", None)
        place = f"{name}:{mark.line + 1}" if mark else name
        problem = getattr(broken, "problem", None) or str(broken)
        raise BadInputError(f"{place}: wanted YAML or JSON, found: {problem}: mend the file") from None
    for node in nodes:
        for key, line in locate.repeated_keys(node):
            raise BadInputError(f"{name}:{line}: wanted each field once, found {key} again: remove one of them")
        yield _construct(name, node), partial(_same, node)


def _same(node: yaml.Node) -> yaml.Node:
    return node


def _construct(name: str, node: yaml.Node) -> Any:
    loader = Loader("")
    try:
        return loader.construct_document(node)
    except yaml.YAMLError as broken:
        mark = getattr(broken, "problem_mark", None) or node.start_mark
        problem = getattr(broken, "problem", None) or str(broken)
        raise BadInputError(f"{name}:{mark.line + 1}: wanted plain YAML, found: {problem}: mend the file") from None
    finally:
        loader.dispose()


def _objects(name: str, document: Any, node: Callable[[], yaml.Node]) -> Iterator[Located]:
    """Yield the object, or those of a list."""
    if document is None:
        return
    kind = document.get("kind") if isinstance(document, dict) else None
    if not isinstance(kind, str) or not kind:
        found = "no kind" if isinstance(document, dict) else f"a {_word(document)}"
        raise BadInputError(
            f"{name}:{node().start_mark.line + 1}: wanted a Kubernetes object with a kind, found {found}: "
            "remove it, or add apiVersion and kind"
        )
    if not (kind.endswith("List") and "items" in document):
        yield Located(name, document, node)
        return
    items = document["items"] or []
    if not isinstance(items, list):
        line = locate.line_of(node(), "items")
        raise BadInputError(f"{name}:{line}: items: wanted a list, found a {_word(items)}: write a list of objects")
    for number, item in enumerate(items):
        yield from _objects(name, item, cache(partial(_item, node, number)))


def _item(node: Callable[[], yaml.Node], number: int) -> yaml.Node:
    return locate.child_of(node(), f"items[{number}]")


def _word(value: Any) -> str:
    words = {dict: "mapping", list: "list", str: "string", bool: "boolean", int: "number", float: "number"}
    return words.get(type(value), type(value).__name__)
