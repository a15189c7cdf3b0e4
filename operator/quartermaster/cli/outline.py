"""What must hold of Nodes, Pods and Deployments in files, as far as they are read: an API server would see to it.

Objects of our own kinds are judged by ``api.parse``. An outline is a function from a value and its path to problems.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from quartermaster.api.problem import Problem, shown
from quartermaster.api.quantity import parse_quantity

Outline = Callable[[Any, str], Iterator[Problem]]


def _text(value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, str):
        yield Problem(path, "a string", shown(value), "put it in quotes")


def _name(value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, str) or not value:
        yield Problem(path, "a name", shown(value) or "nothing", "name the object")


def _flag(value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, bool):
        yield Problem(path, "true or false", shown(value), "write one of them, without quotes")


def _count(value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        yield Problem(path, "a whole number of at least 0", shown(value), "write a number without quotes")


def _amount(value: Any, path: str) -> Iterator[Problem]:
    try:
        if isinstance(value, str | int | float) and not isinstance(value, bool) and parse_quantity(str(value)) >= 0:
            return
    except ValueError:
        pass
    yield Problem(path, "a quantity such as 8, 250m or 1Gi", shown(value), "write a number with a known suffix")


def _all_of(each: Outline) -> Outline:
    """Return the outline of a list."""

    def check(value: Any, path: str) -> Iterator[Problem]:
        if not isinstance(value, list):
            yield Problem(path, "a list", shown(value), "write a list")
            return
        for number, item in enumerate(value):
            yield from each(item, f"{path}[{number}]")

    return check


def _map_of(each: Outline) -> Outline:
    """Return the outline of a mapping from strings."""

    def check(value: Any, path: str) -> Iterator[Problem]:
        if not isinstance(value, Mapping):
            yield Problem(path, "a mapping", shown(value), "write keys with values")
            return
        for key, item in value.items():
            if isinstance(key, str):
                yield from each(item, f"{path}.{key}")
            else:
                yield Problem(f"{path}.{key}", "a string as key", shown(key), "put it in quotes")

    return check


def _fields(required: Mapping[str, Outline], optional: Mapping[str, Outline] | None = None) -> Outline:
    """Return the outline of an object; fields that it does not name may be anything, and null is as good as absent."""

    def check(value: Any, path: str) -> Iterator[Problem]:
        if not isinstance(value, Mapping):
            yield Problem(path, "an object with fields", shown(value), "write its fields")
            return
        prefix = f"{path}." if path else ""
        for name, outline in {**required, **(optional or {})}.items():
            if value.get(name) is not None:
                yield from outline(value[name], f"{prefix}{name}")
            elif name in required:
                yield Problem(f"{prefix}{name}", "a value", "nothing", f"state {prefix}{name}")

    return check


_CONDITIONS = _all_of(_fields({"type": _text, "status": _text}))
_OWNERS = _all_of(_fields({"apiVersion": _text, "kind": _text, "name": _name, "uid": _text}, {"controller": _flag}))
_METADATA = _fields(
    {"name": _name}, {"namespace": _name, "uid": _text, "labels": _map_of(_text), "ownerReferences": _OWNERS}
)
_CONTAINERS = _all_of(
    _fields({}, {"resources": _fields({}, {"requests": _map_of(_amount)}), "restartPolicy": _text}),
)

OUTLINE_BY_TYPE: Final[Mapping[tuple[str, str], Outline]] = {
    ("v1", "Node"): _fields(
        {"metadata": _METADATA},
        {
            "spec": _fields(
                {},
                {
                    "providerID": _text,
                    "unschedulable": _flag,
                    "taints": _all_of(_fields({"key": _text, "effect": _text}, {"value": _text})),
                },
            ),
            "status": _fields(
                {}, {"allocatable": _map_of(_amount), "capacity": _map_of(_amount), "conditions": _CONDITIONS}
            ),
        },
    ),
    ("v1", "Pod"): _fields(
        {"metadata": _METADATA},
        {
            "spec": _fields({}, {"nodeName": _text, "containers": _CONTAINERS, "initContainers": _CONTAINERS}),
            "status": _fields({}, {"phase": _text, "conditions": _CONDITIONS}),
        },
    ),
    ("apps/v1", "Deployment"): _fields(
        {"metadata": _METADATA},
        {"spec": _fields({}, {"replicas": _count}), "status": _fields({}, {"readyReplicas": _count})},
    ),
}
"""Kinds of Kubernetes' own that a plan is made from, by apiVersion and kind."""
