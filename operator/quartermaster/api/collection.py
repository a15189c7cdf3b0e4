"""How lists and maps of the API merge and what may repeat in them: the ``x-kubernetes-list-type`` of each field.

Only these markers live here. They add the keyword to the schema and enforce the same uniqueness offline.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.alias_generators import to_snake
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

DUPLICATE_TYPE: Final = "quartermaster_duplicate"


@dataclass(frozen=True, slots=True)
class ListType:
    """A list's merge strategy; sets and map-lists hold each scalar or key once."""

    kind: Literal["atomic", "set", "map"]
    keys: tuple[str, ...] = ()
    """Fields, in camelCase, that identify an item of a map-list."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Refuse repetition after the items were parsed."""
        return core_schema.no_info_after_validator_function(self._refuse_repetition, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Add the list type to the generated schema."""
        json_schema = handler(schema)
        json_schema["x-kubernetes-list-type"] = self.kind
        if self.keys:
            json_schema["x-kubernetes-list-map-keys"] = list(self.keys)
        return json_schema

    def _refuse_repetition(self, items: Sequence[Any]) -> Sequence[Any]:
        if self.kind == "atomic":
            return items
        seen = set[Any]()
        for position, item in enumerate(items):
            identity = tuple(getattr(item, to_snake(key)) for key in self.keys) if self.keys else item
            if identity in seen:
                shown = ", ".join(str(part) for part in identity) if self.keys else str(item)
                raise PydanticCustomError(
                    DUPLICATE_TYPE,
                    "wanted {what} only once, found {found} again at position {position}: remove or rename one of them",
                    {"what": f"each {' and '.join(self.keys) or 'entry'}", "found": shown, "position": position},
                )
            seen.add(identity)
        return items


ATOMIC: Final = ListType("atomic")
SET: Final = ListType("set")
BY_NAME: Final = ListType("map", ("name",))
BY_ID: Final = ListType("map", ("id",))
BY_TYPE: Final = ListType("map", ("type",))

GRANULAR_MAP: Final = {"x-kubernetes-map-type": "granular"}
"""Keys merge one by one: labels that several managers may add to."""
ATOMIC_MAP: Final = {"x-kubernetes-map-type": "atomic"}
"""The map is replaced as a whole: a selector means something only when complete."""
