"""What is wrong with a document, in the words of the API: field, wanted, found, remedy. No word of the parser shows.

Only the translation of validation errors lives here; ``parse`` is the door.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import ErrorDetails

from quartermaster.api.collection import DUPLICATE_TYPE
from quartermaster.api.rule import ERROR_TYPE

_LONGEST_SHOWN: Final = 120


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a document."""

    path: str
    """Where, such as ``spec.serving.shapes[1].name``; empty for the document as a whole."""
    wanted: str
    found: str
    """What stands there; empty where it is several fields that disagree."""
    remedy: str

    def __str__(self) -> str:
        """``path: wanted ..., found ...: remedy``."""
        place = f"{self.path}: " if self.path else ""
        found = f", found {self.found}" if self.found else ""
        return f"{place}wanted {self.wanted}{found}: {self.remedy}"


def problems_of(errors: Iterable[ErrorDetails]) -> tuple[Problem, ...]:
    """Return what the errors of one document say, in its order."""
    return tuple(problem for error in errors for problem in _translate(error))


def path_of(location: Iterable[int | str]) -> str:
    """Return a location as manifests' readers write it: ``spec.serving.shapes[1].name``."""
    path = ""
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path


def shown(value: Any) -> str:
    """Return a value for a message: short, and by its kind where it is not a scalar."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    text = {None: "null", True: "true", False: "false"}.get(value, f"{value}") if _is_word(value) else str(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}... ({len(text)} characters)"


def _is_word(value: Any) -> bool:
    return value is None or isinstance(value, bool)


def _translate(error: ErrorDetails) -> list[Problem]:
    path = path_of(error["loc"])
    context: Mapping[str, Any] = error.get("ctx", {})
    if error["type"] == ERROR_TYPE:
        return [
            Problem(".".join(filter(None, (path, rule.field))), rule.wanted, found, rule.remedy)
            for rule, found in context["broken"]
        ]
    if error["type"] == DUPLICATE_TYPE:
        place = f"{path}[{context['position']}]"
        return [
            Problem(place, f"{context['what']} only once", f"{context['found']} again", "remove or rename one of them")
        ]
    wanted, remedy = _words(error["type"], context)
    is_absent = error["type"] == "missing"
    return [Problem(path, wanted, "nothing" if is_absent else _found(error), remedy)]


def _found(error: ErrorDetails) -> str:
    if error["type"] == "extra_forbidden":
        return "an unknown field"
    if error["type"].endswith("_type") and isinstance(error["input"], str):
        return f'"{shown(error["input"])}", a string'
    return shown(error["input"])


_WORDS_BY_KIND: Final[Mapping[str, tuple[str, str]]] = {
    "missing": ("a value, which is required", "set it"),
    "extra_forbidden": ("a field of the API", "remove it, or correct its spelling; names are camelCase"),
    "string_type": ("a string", "put the value in quotes"),
    "int_type": ("a whole number", "write it without quotes, decimals or unit"),
    "int_from_float": ("a whole number", "write it without decimals"),
    "bool_type": ("true or false", "write it without quotes"),
    "tuple_type": ("a list", "write one entry per line, each after '- '"),
    "dict_type": ("a map of names to values", "write one 'name: value' per line"),
    "model_type": ("an object with fields", "write its fields below it, one 'name: value' per line"),
    "model_attributes_type": ("an object with fields", "write its fields below it, one 'name: value' per line"),
    "enum": ("one of {expected}", "choose one of them, spelled exactly so"),
    "literal_error": ("one of {expected}", "choose one of them, spelled exactly so"),
    "greater_than_equal": ("at least {ge}", "raise it"),
    "less_than_equal": ("at most {le}", "lower it"),
    "string_too_short": ("at least {min_length} characters", "write more, or leave the field out"),
    "string_too_long": ("at most {max_length} characters", "shorten it"),
    "too_short": ("at least {min_length} entries", "add what is missing, or leave the field out"),
    "too_long": ("at most {max_length} entries", "remove entries"),
    "string_pattern_mismatch": ("text that matches {pattern}", "correct it"),
}
"""What was wanted, with the bound from the error's context, and what to do."""


def _words(kind: str, context: Mapping[str, Any]) -> tuple[str, str]:
    """Return what was wanted and what to do for one kind of schema error."""
    fallback = (f"something else ({kind.replace('_', ' ')})", "see the reference of fields")
    wanted, remedy = _WORDS_BY_KIND.get(kind, fallback)
    return wanted.format_map(context), remedy
