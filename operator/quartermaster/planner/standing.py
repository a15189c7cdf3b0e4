"""What every need holds in a whole plan, what is free, and what it is fined to hold more: plain arrays. Compiled.

Room may be overdrawn while a plan is being made: ``easing`` moves needs until it is not. Nothing is decided here.
"""

from typing import NamedTuple

import numpy as np

from quartermaster.planner.arrays import Floats, Ints
from quartermaster.planner.bounds import Items, Wants
from quartermaster.planner.branch import DEPTH, Effort, Hits, Rows, Work, nothing_collected, room_for_work
from quartermaster.planner.compiled import compiled, inlined

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
    option_of, start, limits, amounts = ground.items.option, ground.start, ground.limit, ground.amount
    item, times = standing.item, standing.times
    free = standing.free
    for k in range(standing.size[w]):
        i, count = option_of[item[w, k]], times[w, k] * sign
        for e in range(start[i], start[i + 1]):
            free[limits[e]] -= count * amounts[e]


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
    option_of, start, limits = ground.items.option, ground.start, ground.limit
    item = standing.item
    for k in range(standing.size[w]):
        i = option_of[item[w, k]]
        for e in range(start[i], start[i + 1]):
            if limits[e] == limit:
                return True
    return False


@inlined
def is_overdrawn(free: float, room: float) -> bool:
    """Whether more is held of a limit than there is."""
    return free < -OVERDRAWN * max(1.0, room)


@compiled
def charged(ground: Ground, standing: Standing, w: int, weight: float) -> float:
    """Return what a need costs as it stands: with prices of limits, as they weigh, and fines for what it overdraws."""
    option_of, start, limits, amounts = ground.items.option, ground.start, ground.limit, ground.amount
    item, times = standing.item, standing.times
    free, fine, prices = standing.free, standing.fine, ground.price
    total = standing.cost[w]
    if standing.size[w] == 0:
        return float(total)
    shift(ground, standing, w, BACK)
    for k in range(standing.size[w]):
        i, count = option_of[item[w, k]], times[w, k]
        for e in range(start[i], start[i + 1]):
            limit, amount = limits[e], count * amounts[e]
            total += weight * prices[limit] * amount
            before = free[limit]
            free[limit] = before - amount
            if before - amount < -OVERDRAWN:
                total += fine[limit] * (min(before, 0.0) + amount - before)
    return float(total)


@inlined
def fitting(free: float, amount: float, before: int) -> int:
    """Return how many replicas fit into what is free of a limit, beside those that run."""
    if amount <= 0.0:
        return 1 << 30
    return int(max(min(np.floor(max(free, 0.0) / amount + _EPSILON), 1e9) - before, 0.0))


@compiled
def lay_out(ground: Ground, standing: Standing, w: int, weight: float, desk: Desk) -> None:
    """Lay out a need's items at the prices and the room of now, what it holds itself given back.

    An item some of whose replicas fit is there twice: as many as fit, and the others with their fine.
    """
    # Arrays by names of their own: taken from their tuples again and again, they would be counted each time.
    items, onto, rows = ground.items, desk.items, desk.rows
    option, most, start, limits, amounts = items.option, items.most, ground.start, ground.limit, ground.amount
    base, before, prices, room = ground.base, ground.before, ground.price, ground.room
    free, fine, place, first_entry = standing.free, standing.fine, desk.place, rows.start
    count, entries, places = 0, 0, 0
    for j in range(items.start[w], items.start[w + 1]):
        for e in range(start[option[j]], start[option[j] + 1]):
            place[limits[e]] = -1
    for j in range(items.start[w], items.start[w + 1]):
        i = option[j]
        inside, is_possible, fits = base[j], True, most[j]
        for e in range(start[i], start[i + 1]):
            inside += weight * amounts[e] * prices[limits[e]]
            is_possible = is_possible and amounts[e] <= room[limits[e]] + _EPSILON
            fits = min(fits, fitting(free[limits[e]], amounts[e], before[j]))
        if not is_possible:
            continue
        beyond = inside
        for e in range(start[i], start[i + 1]):
            if fitting(free[limits[e]], amounts[e], before[j]) <= fits:
                beyond += amounts[e] * fine[limits[e]]
        for is_beyond in range(2):
            own = most[j] - fits if is_beyond else fits
            if own <= 0:
                continue
            _copy(items, j, onto, count)
            onto.most[count], desk.origin[count] = own, j
            desk.price[count], desk.base[count] = beyond if is_beyond else inside, inside
            first_entry[count] = entries
            for e in range(start[i], start[i + 1]):
                limit = limits[e]
                if place[limit] < 0:
                    place[limit] = places
                    rows.free[places], rows.fine[places] = max(free[limit], 0.0), fine[limit]
                    places += 1
                rows.row[entries], rows.amount[entries] = place[limit], amounts[e]
                entries += 1
            count += 1
            first_entry[count] = entries
    desk.items.start[1] = count


@inlined
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
