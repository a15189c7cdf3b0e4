"""What every API model shares: camelCase on the wire, frozen in memory, unknown fields refused."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic.alias_generators import to_camel

NAME_PATTERN: Final = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, min_length=1, max_length=63)]
"""A lower-case name: of a pool, a catalog entry, a region or a zone."""

Jurisdiction = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2,3}$", min_length=2, max_length=3)]
"""An ISO 3166-1 alpha-2 country code, or EU or EEA."""


class ApiModel(BaseModel):
    """Base of every type of the API."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
    )


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
