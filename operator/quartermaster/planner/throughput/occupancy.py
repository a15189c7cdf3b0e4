"""At which batch sizes a queue is looked at, and what each stands for in a sum over all of them. No queue, no time.

Formulas: what is summed over n = 1 … N (the weights of a birth-death chain, and these times a latency) is smooth in n
on a scale of about √n: a chain whose mode is at n spreads at least √n around it. So sizes a gap of √n / 3 apart are
enough: weight_i = Σ_n L_i(n), where L_i is the cubic through the four nodes next to n (Lagrange). Below n = 36 every
size is looked at, and the largest always is.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_POINTS = 4
"""Nodes of an interpolating cubic."""

Floats = NDArray[np.float64]


@lru_cache(maxsize=8192)
def nodes(size: int) -> tuple[Floats, Floats]:
    """Return ascending batch sizes from 1 to ``size``, and the weight of each in a sum over 1 … ``size``."""
    found = [1]
    while found[-1] < size:
        found.append(min(size, found[-1] + max(1, int(found[-1] ** 0.5 / 3))))
    at = np.array(found, dtype=np.float64)
    weight = np.ones(at.size)
    if at.size >= _POINTS and at.size < size:
        weight = _summed(at)
    at.setflags(write=False)
    weight.setflags(write=False)
    return at, weight


def _summed(at: Floats) -> Floats:
    """Return the weights with which values at the nodes sum the cubics through them over all integers."""
    every = np.arange(1, int(at[-1]) + 1, dtype=np.float64)
    first = np.clip(np.searchsorted(at, every) - _POINTS // 2, 0, at.size - _POINTS)
    weight = np.zeros(at.size)
    for i in range(_POINTS):
        share = np.ones(every.size)
        for j in range(_POINTS):
            if j != i:
                share *= (every - at[first + j]) / (at[first + i] - at[first + j])
        np.add.at(weight, first + i, share)
    return weight


def padded(sizes: Sequence[int]) -> tuple[Floats, Floats]:
    """Return nodes and weights of several queues, cases × nodes; the last node is repeated at no weight."""
    rows = [nodes(size) for size in sizes]
    width = max(at.size for at, _ in rows)
    at = np.repeat(np.array(sizes, dtype=np.float64)[:, None], width, axis=1)
    weight = np.zeros_like(at)
    for i, (some, its) in enumerate(rows):
        at[i, : some.size] = some
        weight[i, : some.size] = its
    return at, weight
