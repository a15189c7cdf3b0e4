"""Array types and the few array verbs that the solver is written in. No planning here."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def spans(starts: Ints, lengths: Ints) -> tuple[Ints, Ints]:
    """Return ``start, start + 1, …`` of every span, one after another, and the place of the span each comes from."""
    owners = np.repeat(np.arange(lengths.size), lengths)
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if ends.size else 0
    return owners, np.arange(total) - np.repeat(ends - lengths - starts, lengths)


def ranks_in(groups: Ints) -> Ints:
    """Return the place of each value within its run of equal values, from 0."""
    return np.arange(groups.size) - np.searchsorted(groups, groups)
