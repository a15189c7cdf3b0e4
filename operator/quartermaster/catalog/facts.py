"""Where a fact comes from. Types only: the facts themselves are in ``data/``."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Source:
    """Something that was read.

    ``as_of`` is the date that the source states (commit, release, page), or the day it was read where it states none.
    """

    name: str
    title: str
    as_of: date


@dataclass(frozen=True, slots=True)
class Provenance:
    """The sources of one fact.

    ``is_verified`` is False when no source was read for the value (``sources`` is then ``("unverified",)``), or when
    the source leaves a doubt, which ``note`` tells. An unverified fact never decides a compliance rule by itself.
    """

    sources: tuple[str, ...]
    is_verified: bool
    note: str = ""
