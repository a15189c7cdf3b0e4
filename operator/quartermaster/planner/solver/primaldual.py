"""Prices of limits and parts of columns, by first-order steps. Compiled, over plain arrays.

    min  Σ cost_k λ_k   s.t.  Σ_(k of a need) λ_k = 1,   Σ amount_lk λ_k ≤ room_l,   λ ≥ 0

Needs and limits answer each other: each need moves its parts towards the columns that are cheapest at the prices, each
limit moves its price by what is asked beyond its room; from time to time both go on from their averages (Chambolle and
Pock 2011, with the diagonal steps of Pock and Chambolle 2011 and the restarts of Applegate et al. 2021). A simplex
method spends seconds on the ties of thousands of needs; prices that are good to a thousandth are enough here, since any
prices give a true bound.
"""

from typing import NamedTuple

import numpy as np

from quartermaster.planner.numerics import cores
from quartermaster.planner.numerics.arrays import Floats, Ints
from quartermaster.planner.numerics.compiled import compiled, inner

MANY_ENTRIES = 50_000
"""Entries of a bundle from which on steps are taken on all cores."""


class Bundle(NamedTuple):
    """Columns by need, with what they take from limits."""

    start: Ints
    """Where the columns of each need begin, and their end."""
    cost: Floats
    entry: Ints
    """Where the entries of each column begin, and their end."""
    limit: Ints
    amount: Floats


class Limits(NamedTuple):
    """What there is, and what it may cost; arrays have one entry for each limit."""

    room: Floats
    usual: Floats
    """Dollars per hour that a unit usually costs: steps are measured by it."""
    low: Floats
    """No price goes below."""
    high: Floats
    """No price goes above."""


@compiled
def least(bundle: Bundle, price: Floats, room: Floats) -> float:
    """Return what all needs cost at least with these columns at the prices, less what the room is worth."""
    start, cost, entry, limit, amount = bundle.start, bundle.cost, bundle.entry, bundle.limit, bundle.amount
    total = 0.0
    for w in range(start.size - 1):
        best = np.inf
        for k in range(start[w], start[w + 1]):
            value = cost[k]
            for e in range(entry[k], entry[k + 1]):
                value += amount[e] * price[limit[e]]
            best = min(best, value)
        total += best
    for row in range(room.size):
        total -= price[row] * room[row]
    return total


@inner
def asked(bundle: Bundle, part: Floats, use: Floats) -> None:
    """Write what parts of columns take from each limit."""
    for row in range(use.size):
        use[row] = 0.0
    for k in range(part.size):
        for e in range(bundle.entry[k], bundle.entry[k + 1]):
            use[bundle.limit[e]] += bundle.amount[e] * part[k]


@inner
def step_sizes(bundle: Bundle, usual: Floats, by_need: Floats, by_limit: Floats, most: Floats) -> None:
    """Write by how much parts and prices move at a time: what a need could ask for of all limits, and all of one.

    ``most`` is room to work: zero, before and after.
    """
    for row in range(usual.size):
        by_limit[row] = 0.0
    for w in range(by_need.size):
        widest = 0.0
        for k in range(bundle.start[w], bundle.start[w + 1]):
            total = 0.0
            for e in range(bundle.entry[k], bundle.entry[k + 1]):
                row = bundle.limit[e]
                total += usual[row] * bundle.amount[e]
                most[row] = max(most[row], bundle.amount[e])
            widest = max(widest, total)
        by_need[w] = 1.0 / max(widest, 1e-9)
        for k in range(bundle.start[w], bundle.start[w + 1]):
            for e in range(bundle.entry[k], bundle.entry[k + 1]):
                by_limit[bundle.limit[e]] += most[bundle.limit[e]]
                most[bundle.limit[e]] = 0.0
    for row in range(usual.size):
        by_limit[row] = usual[row] / max(by_limit[row], 1e-9)


@inner
def project(value: Floats, count: int, ranked: Floats) -> float:
    """Return what is to be taken from each of the values so that those above zero add up to one."""
    for i in range(count):
        key, j = value[i], i - 1
        while j >= 0 and ranked[j] < key:
            ranked[j + 1] = ranked[j]
            j -= 1
        ranked[j + 1] = key
    total, taken = 0.0, 0.0
    for i in range(count):
        total += ranked[i]
        shift = (total - 1.0) / (i + 1)
        if ranked[i] > shift:
            taken = shift
    return taken


def approach(bundle: Bundle, part: Floats, price: Floats, limits: Limits, steps: int, every: int) -> Floats:
    """Move parts and prices towards the optimum.

    Args:
        bundle: the columns.
        part: of each column that is taken; moved.
        price: of each limit; moved.
        limits: what is there, and between what prices may move.
        steps: how often both are moved.
        every: steps after which both may go on from their averages.

    Returns:
        The prices at which these columns cost most, of those that were looked at.
    """
    needs, rows = bundle.start.size - 1, limits.room.size
    parts = cores.PARTS if bundle.limit.size >= MANY_ENTRIES else 1
    widest = int(np.diff(bundle.start).max(initial=0))
    by_limit, use, mean, price_sum = np.zeros((4, rows))
    value, ranked = np.empty((2, parts, widest))
    new, part_sum = np.zeros((parts, rows)), np.zeros(part.size)
    desk = _Desk(
        np.empty(needs), value, ranked, part_sum, by_limit, use, new, mean, price_sum, price.copy(), np.zeros(1)
    )
    begin(bundle, part, price, limits, desk)
    if parts == 1:
        _approach(bundle, part, price, limits, steps, every, desk)
        return desk.best_price
    edges = np.linspace(0, needs, parts + 1).astype(np.int64)
    for step in range(1, steps + 1):
        cores.divided(
            lambda place: move(bundle, part, price, edges[place], edges[place + 1], place, desk), is_alone=False
        )
        answer(bundle, part, price, limits, step, every, desk)
    return desk.best_price


class _Desk(NamedTuple):
    """Room to work; what moves parts has rooms of its own for each share of the needs."""

    by_need: Floats
    value: Floats
    ranked: Floats
    part_sum: Floats
    by_limit: Floats
    use: Floats
    new: Floats
    mean: Floats
    price_sum: Floats
    best_price: Floats
    best: Floats
    """What needs cost at the best prices, as the only entry."""


@compiled
def begin(bundle: Bundle, part: Floats, price: Floats, limits: Limits, desk: _Desk) -> None:
    """Write what holds for all steps, and how things stand before the first."""
    step_sizes(bundle, limits.usual, desk.by_need, desk.by_limit, desk.mean)
    asked(bundle, part, desk.use)
    desk.best[0] = least(bundle, price, limits.room)


@compiled
def move(bundle: Bundle, part: Floats, price: Floats, first: int, last: int, place: int, desk: _Desk) -> None:
    """Let needs from ``first`` to ``last`` move their parts, and write what these take from limits."""
    start, cost, entry, limit, amount = bundle.start, bundle.cost, bundle.entry, bundle.limit, bundle.amount
    by_need, part_sum = desk.by_need, desk.part_sum
    value, ranked, new = desk.value[place], desk.ranked[place], desk.new[place]
    for row in range(new.size):
        new[row] = 0.0
    for w in range(first, last):
        begins, count = start[w], start[w + 1] - start[w]
        for i in range(count):
            k = begins + i
            reduced = cost[k]
            for e in range(entry[k], entry[k + 1]):
                reduced += amount[e] * price[limit[e]]
            value[i] = part[k] - by_need[w] * reduced
        taken = project(value, count, ranked)
        for i in range(count):
            k = begins + i
            part[k] = max(value[i] - taken, 0.0)
            part_sum[k] += part[k]
            if part[k] > 0.0:
                for e in range(entry[k], entry[k + 1]):
                    new[limit[e]] += amount[e] * part[k]


@compiled
def answer(bundle: Bundle, part: Floats, price: Floats, limits: Limits, step: int, every: int, desk: _Desk) -> None:
    """Let limits move their prices; from time to time let both go on from their averages, where that is better."""
    room, low, high = limits.room, limits.low, limits.high
    by_limit, use, new, mean = desk.by_limit, desk.use, desk.new, desk.mean
    part_sum, price_sum = desk.part_sum, desk.price_sum
    for row in range(room.size):
        total = 0.0
        for place in range(new.shape[0]):
            total += new[place, row]
        moved = price[row] + by_limit[row] * (2.0 * total - use[row] - room[row])
        price[row] = min(max(low[row], moved), high[row])
        use[row] = total
        price_sum[row] += price[row]
    if step % every:
        return
    for row in range(room.size):
        mean[row] = price_sum[row] / every
        price_sum[row] = 0.0
    here, there = least(bundle, price, room), least(bundle, mean, room)
    if there > here:
        for row in range(room.size):
            price[row] = mean[row]
        for k in range(part.size):
            part[k] = part_sum[k] / every
        asked(bundle, part, use)
        here = there
    for k in range(part.size):
        part_sum[k] = 0.0
    if here > desk.best[0]:
        desk.best[0] = here
        for row in range(room.size):
            desk.best_price[row] = price[row]


@compiled
def _approach(bundle: Bundle, part: Floats, price: Floats, limits: Limits, steps: int, every: int, desk: _Desk) -> None:
    needs = bundle.start.size - 1
    for step in range(1, steps + 1):
        move(bundle, part, price, 0, needs, 0, desk)
        answer(bundle, part, price, limits, step, every, desk)
