"""What every API model shares: camelCase on the wire, frozen in memory, unknown fields refused, rules judged."""

from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, StringConstraints, model_validator
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from quartermaster.api.rule import VALIDATIONS, Rule, judge, pattern

NAME_PATTERN: Final = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
LABEL_VALUE_PATTERN: Final = "^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
LABEL_KEY_PATTERN: Final = "^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"

Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=63),
    pattern(
        NAME_PATTERN,
        wanted="a name of lower-case letters, digits, '-' and '.'",
        remedy="write it in lower case and begin and end it with a letter or digit, such as llama-3.1-8b-instruct",
    ),
]
"""A lower-case name: of a pool, a catalog entry, a Secret."""

Place = Annotated[
    str,
    StringConstraints(min_length=1, max_length=63),
    pattern(
        LABEL_VALUE_PATTERN,
        wanted="a region or zone as the labels topology.kubernetes.io/region and /zone have it",
        remedy="write it exactly as the node's label, such as europe-west4 or US-EAST-04",
    ),
]
"""A region or a zone, as nodes carry it. Some providers write theirs in capitals."""

Jurisdiction = Annotated[
    str,
    StringConstraints(min_length=1, max_length=63),
    pattern(
        "^([A-Z]{2}|EEA)$",
        wanted="a jurisdiction: EU, EEA, or a country by its two-letter ISO 3166-1 code",
        remedy="write EU, EEA, or two capital letters such as DE",
    ),
]
"""An ISO 3166-1 alpha-2 country code, or EU or EEA."""

LabelValue = Annotated[
    str,
    StringConstraints(max_length=63),
    pattern(
        "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$",
        wanted="a label value of letters, digits, '-', '_' and '.'",
        remedy="begin and end it with a letter or digit, and leave out every other character",
    ),
]
"""The value of a Kubernetes label; may be empty."""

CertificationWord = Annotated[
    str,
    StringConstraints(min_length=1, max_length=63),
    pattern(
        "^[A-Za-z0-9][A-Za-z0-9._-]*$",
        wanted="an identifier of letters, digits, '.', '_' and '-'",
        remedy="write it without spaces, such as iso-27001 or type-2",
    ),
]
"""The identifier or the level of a certification."""


class ApiModel(BaseModel):
    """Base of every type of the API."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
    )

    rules: ClassVar[tuple[Rule, ...]] = ()
    """What must hold among the fields."""

    @model_validator(mode="after")
    def _judge_rules(self) -> Self:
        judge(self.rules, self)
        return self

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Return the value itself: nothing changes it, and defaults would be copied for every object that is read."""
        del memo
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Add the rules in CEL to the generated schema."""
        json_schema = handler(schema)
        if cls.rules:
            handler.resolve_ref_schema(json_schema)[VALIDATIONS] = [rule.as_validation() for rule in cls.rules]
        return json_schema


class ObjectMeta(BaseModel):
    """The parts of an object's metadata that Quartermaster reads; everything else is passed over."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
