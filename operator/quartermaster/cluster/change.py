"""What an informer tells about its cache: one change of one kept object. Values only."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

Key = tuple[str, str]
"""Namespace (empty for kinds without one) and name."""


@dataclass(frozen=True, slots=True)
class Change(Generic[T]):
    """One kept object came (`before` is None), went (`after` is None), or differs in what is kept of it."""

    key: Key
    before: T | None
    after: T | None
