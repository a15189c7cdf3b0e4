"""What every need holds in a whole plan, what is free, and what it is fined to hold more: plain arrays. Compiled.

Room may be overdrawn while a plan is being made: ``easing`` moves needs until it is not. Nothing is decided here.
"""

from typing import NamedTuple

import numpy as np

from quartermaster.planner.arrays import Floats, Ints
from quartermaster.planner.bounds import Items, Wants
from quartermaster.planner.branch import DEPTH, Effort, Hits, Rows, Work, nothing_collected, room_for_work
from quartermaster.planner.compiled import compiled

OVERDRAWN = 1e-7
"""Part of a limit's room by which it may be overdrawn without being so."""
MOST_FINE = 1e30
"""A fine that nothing is worth."""
BACK, TAKEN = np.int64(-1), np.int64(1)
"""What ``shift`` does; of one type, or it is compiled for each."""
_EPSILON = 1e-9


class Ground(NamedTuple):
    """Numbers that stay while a plan is made: entries of options and limits, prices, and who may want a limit."""

    items: Items
    wants: Wants
    start: Ints
    """Where the entries of each option begin, and their end."""
    limit: Ints
    amount: Floats
    wanted_start: Ints
    """Where the needs with an option on each limit begin, and their end."""
    wanted_by: Ints
    base: Floats
    """Price of each item without those of limits."""
    before: Ints
    """Replicas that run of the same option, which is an item of its own: they come first."""
    idle: Floats
    """What each need costs with nothing."""
    price: Floats
    """Dollars per hour for a unit of each limit."""
    room: Floats


class Standing(NamedTuple):
    """What each need holds: up to ``DEPTH`` items with their counts; and what that leaves of limits."""

    item: Ints
    times: Ints
    size: Ints
    cost: Floats
    free: Floats
    """Below zero where a limit is overdrawn."""
    fine: Floats
    """Dollars per hour for each unit overdrawn."""


class Log(NamedTuple):
    """What needs held before each of so many moves, so that moves can be taken back."""

    need: Ints
    item: Ints
    times: Ints
    size: Ints
    cost: Floats


class Desk(NamedTuple):
    """Room to work on one need: its items as they stand, twice where only some of their replicas fit."""

    items: Items
    price: Floats
    base: Floats
    origin: Ints
    """The item that each is."""
    rows: Rows
    place: Ints
    """Place of a limit among the rows."""
    seen: Ints
    """The turn in which each need was looked at last."""
    effort: Effort
    work: Work
    hits: Hits


def standing_of(needs: int, limits: int) -> Standing:
    """Return the room for a standing."""
    integers, floats = np.zeros((2, needs, DEPTH), np.int64), np.zeros(needs)
    return Standing(integers[0], integers[1], np.zeros(needs, np.int64), floats, np.zeros(limits), np.zeros(limits))


def log_of(moves: int) -> Log:
    """Return the room for so many moves."""
    integers = np.zeros((2, moves, DEPTH), np.int64)
    return Log(np.zeros(moves, np.int64), integers[0], integers[1], np.zeros(moves, np.int64), np.zeros(moves))


def desk_of(widest: int, entries: int, needs: int, limits: int, effort: Effort) -> Desk:
    """Return the room to work on needs of so many items and entries at most."""
    count = 2 * widest
    integers, floats = np.zeros((5, count), np.int64), np.zeros((5, count))
    return Desk(
        Items(
            option=integers[0],
            need=np.zeros(0, np.int64),
            share=floats[0],
            most=integers[1],
            is_counted=np.zeros(count, np.bool_),
            region=integers[2],
            zone=integers[3],
            requests_per_second=floats[1],
            dollars_per_hour=floats[2],
            start=np.zeros(2, np.int64),
        ),
        floats[3],
        floats[4],
        integers[4],
        Rows(
            np.zeros(count + 1, np.int64),
            np.zeros(2 * entries, np.int64),
            np.zeros(2 * entries),
            np.zeros(entries),
            np.zeros(entries),
            np.zeros(entries),
        ),
        np.zeros(limits, np.int64),
        np.zeros(needs, np.int64),
        effort,
        room_for_work(count),
        nothing_collected(),
    )


@compiled
def shift(ground: Ground, standing: Standing, w: int, sign: np.int64) -> None:
    """Give back what a need holds (−1), or take it (1)."""
    for k in range(standing.size[w]):
        i, count = ground.items.option[standing.item[w, k]], standing.times[w, k] * sign
        for e in range(ground.start[i], ground.start[i + 1]):
            standing.free[ground.limit[e]] -= count * ground.amount[e]


@compiled
def hold(ground: Ground, standing: Standing, w: int, options: Ints, counts: Ints, cost: float) -> bool:
    """Let a need that holds nothing hold counts of options, at this cost; return whether it can."""
    size = 0
    for k in range(options.size):
        left = counts[k]
        for j in range(ground.items.start[w], ground.items.start[w + 1]):
            times = min(left, ground.items.most[j]) if ground.items.option[j] == options[k] else 0
            if times > 0:
                if size == DEPTH:
                    return False
                standing.item[w, size], standing.times[w, size] = j, times
                size, left = size + 1, left - times
        if left > 0:
            return False
    standing.size[w], standing.cost[w] = size, cost
    shift(ground, standing, w, TAKEN)
    return True


@compiled
def holds(ground: Ground, standing: Standing, w: int, limit: int) -> bool:
    """Whether a need holds something of a limit."""
    for k in range(standing.size[w]):
        i = ground.items.option[standing.item[w, k]]
        for e in range(ground.start[i], ground.start[i + 1]):
            if ground.limit[e] == limit:
                return True
    return False


@compiled
def is_overdrawn(ground: Ground, standing: Standing, limit: int) -> bool:
    """Whether more is held of a limit than there is."""
    return bool(standing.free[limit] < -OVERDRAWN * max(1.0, ground.room[limit]))


@compiled
def charged(ground: Ground, standing: Standing, w: int, weight: float) -> float:
    """Return what a need costs as it stands: with prices of limits, as they weigh, and fines for what it overdraws."""
    total = standing.cost[w]
    if standing.size[w] == 0:
        return float(total)
    shift(ground, standing, w, BACK)
    for k in range(standing.size[w]):
        i, count = ground.items.option[standing.item[w, k]], standing.times[w, k]
        for e in range(ground.start[i], ground.start[i + 1]):
            limit, amount = ground.limit[e], count * ground.amount[e]
            total += weight * ground.price[limit] * amount
            before = standing.free[limit]
            standing.free[limit] = before - amount
            if before - amount < -OVERDRAWN:
                total += standing.fine[limit] * (min(before, 0.0) + amount - before)
    return float(total)


@compiled
def lay_out(ground: Ground, standing: Standing, w: int, weight: float, desk: Desk) -> None:
    """Lay out a need's items at the prices and the room of now, what it holds itself given back.

    An item some of whose replicas fit is there twice: as many as fit, and the others with their fine.
    """
    count, entries, places = 0, 0, 0
    for j in range(ground.items.start[w], ground.items.start[w + 1]):
        i = ground.items.option[j]
        for e in range(ground.start[i], ground.start[i + 1]):
            desk.place[ground.limit[e]] = -1
    for j in range(ground.items.start[w], ground.items.start[w + 1]):
        i = ground.items.option[j]
        inside, is_possible = ground.base[j], True
        fits = ground.items.most[j]
        for e in range(ground.start[i], ground.start[i + 1]):
            inside += weight * ground.amount[e] * ground.price[ground.limit[e]]
            is_possible = is_possible and ground.amount[e] <= ground.room[ground.limit[e]] + _EPSILON
            fits = min(fits, _fitting(ground, standing, j, e))
        if not is_possible:
            continue
        beyond = inside
        for e in range(ground.start[i], ground.start[i + 1]):
            if _fitting(ground, standing, j, e) <= fits:
                beyond += ground.amount[e] * standing.fine[ground.limit[e]]
        for is_beyond in range(2):
            most = ground.items.most[j] - fits if is_beyond else fits
            if most <= 0:
                continue
            _copy(ground.items, j, desk.items, count)
            desk.items.most[count] = most
            desk.price[count] = beyond if is_beyond else inside
            desk.base[count], desk.origin[count] = inside, j
            desk.rows.start[count] = entries
            for e in range(ground.start[i], ground.start[i + 1]):
                limit = ground.limit[e]
                if desk.place[limit] < 0:
                    desk.place[limit] = places
                    desk.rows.free[places] = max(standing.free[limit], 0.0)
                    desk.rows.fine[places] = standing.fine[limit]
                    desk.rows.used[places] = 0.0
                    places += 1
                desk.rows.row[entries], desk.rows.amount[entries] = desk.place[limit], ground.amount[e]
                entries += 1
            count += 1
            desk.rows.start[count] = entries
    desk.items.start[1] = count


@compiled
def _fitting(ground: Ground, standing: Standing, j: int, e: int) -> int:
    """Return how many replicas of an item fit into the limit of one of its entries, beside those that run."""
    if ground.amount[e] <= 0.0:
        return 1 << 30
    whole = np.floor(max(standing.free[ground.limit[e]], 0.0) / ground.amount[e] + _EPSILON)
    return int(max(min(whole, 1e9) - ground.before[j], 0.0))


@compiled
def _copy(items: Items, j: int, onto: Items, place: int) -> None:
    onto.option[place], onto.share[place], onto.is_counted[place] = items.option[j], items.share[j], items.is_counted[j]
    onto.region[place], onto.zone[place] = items.region[j], items.zone[j]
    onto.requests_per_second[place] = items.requests_per_second[j]
    onto.dollars_per_hour[place] = items.dollars_per_hour[j]


@compiled
def take(ground: Ground, standing: Standing, w: int, size: int, unmet: float, desk: Desk) -> None:
    """Let a need hold the cover that lies on the desk, once what it held is given back."""
    count, cost = 0, unmet
    for k in range(size):
        j, times = desk.origin[desk.work.item[k]], desk.work.times[k]
        cost += times * ground.base[j]
        place = count
        for q in range(count):
            if standing.item[w, q] == j:
                place = q
        if place == count:
            standing.item[w, count], standing.times[w, count] = j, 0
            count += 1
        standing.times[w, place] += times
    standing.size[w] = count
    standing.cost[w] = cost if count else ground.idle[w]
    shift(ground, standing, w, TAKEN)


@compiled
def note(standing: Standing, w: int, log: Log, place: int) -> None:
    """Note what a need holds."""
    log.need[place], log.size[place], log.cost[place] = w, standing.size[w], standing.cost[w]
    for k in range(standing.size[w]):
        log.item[place, k], log.times[place, k] = standing.item[w, k], standing.times[w, k]


@compiled
def take_back(ground: Ground, standing: Standing, log: Log, moves: int) -> None:
    """Take back the moves that were noted, the last one first."""
    for place in range(moves - 1, -1, BACK):
        w = log.need[place]
        shift(ground, standing, w, BACK)
        for k in range(log.size[place]):
            standing.item[w, k], standing.times[w, k] = log.item[place, k], log.times[place, k]
        standing.size[w], standing.cost[w] = log.size[place], log.cost[place]
        shift(ground, standing, w, TAKEN)


@compiled
def gained(standing: Standing, log: Log, moves: int) -> float:
    """Return by how much less needs cost than before the moves that were noted."""
    total = 0.0
    for place in range(moves):
        is_first = True
        for earlier in range(place):
            if log.need[earlier] == log.need[place]:
                is_first = False
        if is_first:
            total += log.cost[place] - standing.cost[log.need[place]]
    return total
