"""Finding the line of a field in a text of YAML or JSON. No judgement of what stands there."""

import re
from collections.abc import Iterator

import yaml

_INDEX = re.compile(r"\[(\d+)\]")


def line_of(node: yaml.Node, path: str) -> int:
    """Return the line of a field such as ``spec.shapes[1].name``, or that of its nearest parent that is there.

    Keys may hold dots, as those of labels do.
    """
    line: int = node.start_mark.line + 1
    while step := _step(node, path):
        node, line, path = step
    return line


def child_of(node: yaml.Node, path: str) -> yaml.Node:
    """Return the node of a field, or of its nearest parent that is there."""
    while step := _step(node, path):
        node, _, path = step
    return node


def repeated_keys(node: yaml.Node) -> Iterator[tuple[str, int]]:
    """Yield every key that stands in its mapping before, with its line. Readers differ about which one counts."""
    waiting, visited = [node], set()
    while waiting:
        node = waiting.pop()
        if id(node) in visited:
            continue
        # An anchor may be used many times, also inside itself.
        visited.add(id(node))
        if isinstance(node, yaml.MappingNode):
            keys: set[str] = set()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode):
                    if key.value in keys:
                        yield key.value, key.start_mark.line + 1
                    keys.add(key.value)
                waiting.append(value)
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value


def _step(node: yaml.Node, path: str) -> tuple[yaml.Node, int, str] | None:
    """Go one key or one position down; the longest key that the path begins with is meant."""
    if isinstance(node, yaml.MappingNode):
        fitting = [(key, value) for key, value in node.value if _begins(path, str(key.value))]
        if fitting:
            key, value = max(fitting, key=lambda entry: len(str(entry[0].value)))
            return value, key.start_mark.line + 1, path[len(str(key.value)) :].removeprefix(".")
    if isinstance(node, yaml.SequenceNode) and (index := _INDEX.match(path)) and int(index[1]) < len(node.value):
        child = node.value[int(index[1])]
        return child, child.start_mark.line + 1, path[index.end() :].removeprefix(".")
    return None


def _begins(path: str, key: str) -> bool:
    return bool(key) and path.startswith(key) and path[len(key) : len(key) + 1] in {"", ".", "["}
