"""One rule of the API, said once: in CEL for the API server and in Python for documents read offline.

A rule stands on a type, either beside the constraints of a scalar (``Annotated[str, ..., Rule(...)]``) or in the
``rules`` of a model. Both sides give the same message: what was wanted, what was found, and what to do. Only the
mechanism lives here; the rules themselves stand beside the fields that they judge.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

VALIDATIONS: Final = "x-kubernetes-validations"
ERROR_TYPE: Final = "quartermaster_rule"
SELF: Final = "self"
"""In ``Rule.found``: the value that the rule stands on, which must then be a scalar."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold for a value, with the words for a person who broke it.

    ``cel`` and ``holds`` say the same; tests hold them against each other on the API server.
    """

    cel: str
    """True when the value, ``self``, is in order."""
    wanted: str
    """Completes the sentence "wanted ..."; names the field where the rule stands on a model."""
    remedy: str
    """Completes "...: do this"."""
    holds: Callable[[Any], bool]
    """The same for the parsed value."""
    field: str = ""
    """Path of the judged field below the rule's place, such as ``maxReplicas`` or ``serving.shapes``."""
    found: tuple[str, ...] = ()
    """Scalar fields whose values the message shows, by their path below the rule's place, or ``self``.

    They are shown where a document is read offline.
    """

    @property
    def message(self) -> str:
        """The message where values cannot be shown."""
        return f"wanted {self.wanted}: {self.remedy}"

    def message_for(self, value: Any) -> str:
        """Return the message with the values found."""
        if not self.found:
            return self.message
        return f"wanted {self.wanted}, found {self.found_in(value)}: {self.remedy}"

    def found_in(self, value: Any) -> str:
        """Return the values that the message shows; a field that the document does not state is ``unset``."""
        if self.found == (SELF,):
            return str(value)
        return ", ".join(f"{path} {_written(value, path)}" for path in self.found)

    def as_validation(self) -> dict[str, str]:
        """Return the entry of ``x-kubernetes-validations``.

        Its message shows no value: the API server says a scalar's value by itself, and puts no bound on the length of
        a number written as text, so that an expression showing one is refused as too costly.
        """
        entry = {"rule": self.cel, "message": self.message}
        if self.field and not self.field.startswith("metadata."):  # the API server knows no path into metadata
            entry["fieldPath"] = f".{self.field}"
        return entry

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Judge the value after the type's own constraints."""
        return core_schema.no_info_after_validator_function(self._judge, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Add the CEL form to the generated schema."""
        json_schema = handler(schema)
        json_schema.setdefault(VALIDATIONS, []).append(self.as_validation())
        return json_schema

    def _judge(self, value: Any) -> Any:
        judge((self,), value)
        return value


def judge(rules: tuple[Rule, ...], value: Any) -> None:
    """Refuse the value when it breaks any of the rules; all broken rules are named at once.

    Raises:
        PydanticCustomError: of type ``ERROR_TYPE``; its context holds ``broken``, a tuple of (rule, found).
    """
    broken = tuple(rule for rule in rules if not rule.holds(value))
    if broken:
        raise PydanticCustomError(
            ERROR_TYPE,
            "{message}",
            {
                "message": "; ".join(rule.message_for(value) for rule in broken),
                "broken": tuple((rule, rule.found_in(value) if rule.found else "") for rule in broken),
            },
        )


def pattern(expression: str, *, wanted: str, remedy: str) -> Rule:
    """Return the rule that a string matches an expression as a whole.

    The expression must mean the same to Python and to RE2: anchored with ``^`` and ``$``, and without backslashes.
    Unlike the schema's own ``pattern`` it refuses with words instead of with the expression.
    """
    compiled = re.compile(expression)
    return Rule(
        cel=f"self.matches({json.dumps(expression)})",
        wanted=wanted,
        remedy=remedy,
        holds=lambda text: compiled.fullmatch(text) is not None,
        found=(SELF,),
    )


def _written(value: Any, path: str) -> str:
    """Return what the document says at the path, or ``unset``; defaults were not said."""
    for name in path.split("."):
        attribute = _attribute_by_alias(value, name) if isinstance(value, BaseModel) else None
        if attribute is None or attribute not in value.model_fields_set:
            return "unset"
        value = getattr(value, attribute)
    return "unset" if value is None else str(value)


def _attribute_by_alias(model: BaseModel, alias: str) -> str | None:
    fields = type(model).model_fields
    return next((name for name, info in fields.items() if info.alias == alias), None)
