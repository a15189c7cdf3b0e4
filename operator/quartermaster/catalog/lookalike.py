"""The look-alike: a node whose labels come close to an accelerator but which does not carry a whole one. Types only."""

from dataclasses import dataclass
from enum import StrEnum

from quartermaster.catalog.facts import Provenance


class RefusalReason(StrEnum):
    """Why a node with accelerators is not planned on."""

    PARTITIONED = "Partitioned"
    """Its device plugin, or its instance, offers parts of a chip."""
    SHARED = "Shared"
    """Several pods share one chip by time-slicing or MPS."""
    UNKNOWN = "Unknown"
    """It carries a chip whose facts are not in the catalog."""
    NO_RESOURCE = "NoResource"
    """Its chips are offered through device classes (DRA) only, which placements do not ask for."""
    UNLABELLED = "Unlabelled"
    """It offers a resource, but nothing says which chip stands behind it."""
    AMBIGUOUS = "Ambiguous"
    """Its labels fit several accelerators."""
    CONTRADICTORY = "Contradictory"
    """Its labels name different accelerators."""


@dataclass(frozen=True, slots=True)
class Lookalike:
    """One label, with globs of its values, that rules a node out, and why."""

    label: str
    values: tuple[str, ...]
    reason: RefusalReason
    message: str
    provenance: Provenance
