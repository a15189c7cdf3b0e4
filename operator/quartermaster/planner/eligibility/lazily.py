"""Candidates and rejections of all deployments as sequences that are made when somebody reads them. No judgement."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, chain
from typing import Generic, TypeVar, overload

from quartermaster.planner.candidate import Candidate, Rejection
from quartermaster.planner.fleet import Key

T = TypeVar("T")


class ByDeployment(Sequence[T], Generic[T]):
    """What belongs to deployments, in their order. Counting makes nothing; indexing makes what belongs to one."""

    def __init__(self, keys: Sequence[Key], of: Callable[[Key], tuple[T, ...]], count: Callable[[Key], int]) -> None:
        """Take the deployments, and the functions that make and count what belongs to one."""
        self._keys = keys
        self._of = of
        self._count = count
        self._ends: list[int] | None = None

    def of(self, key: Key) -> tuple[T, ...]:
        """Return what belongs to one deployment; nothing for one that was not judged."""
        return self._of(key)

    def count_of(self, key: Key) -> int:
        """Return how many belong to one deployment."""
        return self._count(key)

    def __len__(self) -> int:
        """How many there are of all deployments."""
        ends = self._all_ends()
        return ends[-1] if ends else 0

    def __iter__(self) -> Iterator[T]:
        """Make them, deployment by deployment."""
        return chain.from_iterable(map(self._of, self._keys))

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...

    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        """Return one of them, or some."""
        if isinstance(index, slice):
            return tuple(self)[index]
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(index)
        ends = self._all_ends()
        which = bisect_right(ends, place)
        return self._of(self._keys[which])[place - (ends[which - 1] if which else 0)]

    def __eq__(self, other: object) -> bool:
        """Compare with any sequence, by what is in it."""
        if self is other:
            return True
        return isinstance(other, Sequence) and len(self) == len(other) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment] # compared by value, and far too large to hash

    def __repr__(self) -> str:
        """Tell how many there are, not each."""
        return f"{type(self).__name__}({len(self)})"

    def _all_ends(self) -> list[int]:
        if self._ends is None:
            self._ends = list(accumulate(map(self._count, self._keys)))
        return self._ends


class Candidates(ByDeployment[Candidate]):
    """Every candidate that no rule refuses."""


class Rejections(ByDeployment[Rejection]):
    """Every candidate that a rule refuses, in words."""
