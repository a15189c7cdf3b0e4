"""What every need holds in a whole plan, what is free, and what it is fined to hold more: records. Compiled.

Room may be overdrawn while a plan is being made: ``easing`` moves needs until it is not. Nothing is decided here.
"""

from typing import NamedTuple, cast

import numpy as np

from quartermaster.planner.covers.records import (
    DEPTH,
    Effort,
    Held,
    Hits,
    Item,
    Records,
    Use,
    Want,
    Work,
    room_for,
    room_for_hits,
    room_for_work,
)
from quartermaster.planner.numerics.arrays import Floats, Ints
from quartermaster.planner.numerics.compiled import compiled, inlined, inner

OVERDRAWN = 1e-7
"""Part of a limit's room by which it may be overdrawn without being so."""
MOST_FINE = 1e30
"""A fine that nothing is worth."""
BACK, TAKEN = cast("int", np.int64(-1)), cast("int", np.int64(1))
"""What ``shift`` does; of one type, or it is compiled for each."""
_EPSILON = 1e-9


class Limit:
    """A limit while a plan is made."""

    price: float
    """Dollars per hour for a unit of it."""
    room: float
    first: int
    """Where the needs with an option on it begin, and their end."""
    end: int


class State:
    """A limit as it stands."""

    free: float
    """Below zero where it is overdrawn."""
    fine: float
    """Dollars per hour for each unit overdrawn."""
    place: int
    """Place among the rows of the need that is on the desk."""


class Stand:
    """A need as it stands."""

    size: int
    """Distinct items that it holds."""
    cost: float
    seen: int
    """The turn in which it was looked at last."""


class Ground(NamedTuple):
    """Numbers that stay while a plan is made: entries of options and limits, prices, and who may want a limit."""

    items: Records[Item]
    wants: Records[Want]
    uses: Records[Use]
    limits: Records[Limit]
    wanted_by: Ints


class Standing(NamedTuple):
    """What each need holds, and what that leaves of limits."""

    needs: Records[Stand]
    held: Records[Held]
    """By need, up to ``DEPTH`` items."""
    limits: Records[State]


class Move:
    """What a need was before a move."""

    need: int
    size: int
    cost: float


class Log(NamedTuple):
    """What needs held before each of so many moves, so that moves can be taken back."""

    moves: Records[Move]
    held: Records[Held]


class Desk(NamedTuple):
    """Room to work on one need: its items as they stand, twice where only some of their replicas fit."""

    items: Records[Item]
    effort: Effort
    work: Work
    hits: Hits
    turn: Ints
    """Turns that needs were looked at in, as the only entry."""


def standing_of(needs: int, limits: int) -> Standing:
    """Return the room for a standing."""
    return Standing(room_for(Stand, needs), room_for(Held, needs, DEPTH), room_for(State, limits))


def log_of(moves: int) -> Log:
    """Return the room for so many moves."""
    return Log(room_for(Move, moves), room_for(Held, moves, DEPTH))


def desk_of(widest: int, entries: int, effort: Effort) -> Desk:
    """Return the room to work on needs of so many items and entries at most."""
    count = 2 * widest
    work = room_for_work(count, uses=2 * entries, rows=entries)
    return Desk(room_for(Item, count), effort, work, room_for_hits(0, each=0), np.zeros(1, dtype=np.int64))


@inner
def shift(ground: Ground, standing: Standing, w: int, sign: int) -> None:
    """Give back what a need holds (−1), or take it (1)."""
    items, uses, held, limits = ground.items, ground.uses, standing.held, standing.limits
    for k in range(standing.needs[w].size):
        item, count = items[held[w, k].item], held[w, k].times * sign
        for e in range(item.first, item.end):
            limits[uses[e].limit].free -= count * uses[e].amount


@compiled
def hold(
    ground: Ground, standing: Standing, needs: Ints, start: Ints, options: Ints, counts: Ints, costs: Floats
) -> None:
    """Let needs hold counts of options, at these costs, instead of what they hold; nothing where that is too much.

    Args:
        ground: what does not change.
        standing: what needs hold.
        needs: the needs, none of them twice.
        start: where the options of each of them begin, and their end.
        options: the options.
        counts: their counts.
        costs: what each need costs then.
    """
    for place in range(needs.size):
        w = needs[place]
        shift(ground, standing, w, BACK)
        standing.needs[w].size, standing.needs[w].cost = 0, ground.wants[w].idle
        size = _laid(ground, standing.held, w, options[start[place] : start[place + 1]], counts[start[place] :])
        if size >= 0:
            standing.needs[w].size, standing.needs[w].cost = size, costs[place]
            shift(ground, standing, w, TAKEN)


@inner
def _laid(ground: Ground, held: Records[Held], w: int, options: Ints, counts: Ints) -> int:
    """Write counts of options as items of a need; return how many, or −1 where it has not as many."""
    items, want = ground.items, ground.wants[w]
    size = 0
    for k in range(options.size):
        left = counts[k]
        for j in range(want.first, want.end):
            times = min(left, items[j].most) if items[j].option == options[k] else 0
            if times > 0:
                if size == DEPTH:
                    return -1
                held[w, size].item, held[w, size].times = j, times
                size, left = size + 1, left - times
        if left > 0:
            return -1
    return size


@inner
def holds(ground: Ground, standing: Standing, w: int, limit: int) -> bool:
    """Whether a need holds something of a limit."""
    items, uses, held = ground.items, ground.uses, standing.held
    for k in range(standing.needs[w].size):
        item = items[held[w, k].item]
        for e in range(item.first, item.end):
            if uses[e].limit == limit:
                return True
    return False


@inlined
def is_overdrawn(free: float, room: float) -> bool:
    """Whether more is held of a limit than there is."""
    return free < -OVERDRAWN * max(1.0, room)


@inner
def charged(ground: Ground, standing: Standing, w: int, weight: float) -> float:
    """Return what a need costs as it stands: with prices of limits, as they weigh, and fines for what it overdraws."""
    items, uses, held, limits = ground.items, ground.uses, standing.held, standing.limits
    total = standing.needs[w].cost
    if standing.needs[w].size == 0:
        return total
    shift(ground, standing, w, BACK)
    for k in range(standing.needs[w].size):
        item, count = items[held[w, k].item], held[w, k].times
        for e in range(item.first, item.end):
            limit, amount = limits[uses[e].limit], count * uses[e].amount
            total += weight * ground.limits[uses[e].limit].price * amount
            before = limit.free
            limit.free = before - amount
            if before - amount < -OVERDRAWN:
                total += limit.fine * (min(before, 0.0) + amount - before)
    return total


@inlined
def fitting(free: float, amount: float, before: int) -> int:
    """Return how many replicas fit into what is free of a limit, beside those that run."""
    if amount <= 0.0:
        return 1 << 30
    return int(max(min(np.floor(max(free, 0.0) / amount + _EPSILON), 1e9) - before, 0.0))


@inner
def lay_out(ground: Ground, standing: Standing, w: int, weight: float, desk: Desk) -> int:
    """Lay out a need's items at the prices and the room of now, what it holds itself given back; return how many.

    An item some of whose replicas fit is there twice: as many as fit, and the others with their fine.
    """
    # Arrays by names of their own: taken from their tuples again and again, they would be counted each time.
    items, uses, limits, states, want = ground.items, ground.uses, ground.limits, standing.limits, ground.wants[w]
    onto, watched, rows = desk.items, desk.work.uses, desk.work.rows
    count, entries, places = 0, 0, 0
    for j in range(want.first, want.end):
        for e in range(items[j].first, items[j].end):
            states[uses[e].limit].place = -1
    for j in range(want.first, want.end):
        item = items[j]
        inside, is_possible, fits = item.base, True, item.most
        for e in range(item.first, item.end):
            limit, amount = uses[e].limit, uses[e].amount
            inside += weight * amount * limits[limit].price
            is_possible = is_possible and amount <= limits[limit].room + _EPSILON
            fits = min(fits, fitting(states[limit].free, amount, item.before))
        if not is_possible:
            continue
        beyond = inside
        for e in range(item.first, item.end):
            if fitting(states[uses[e].limit].free, uses[e].amount, item.before) <= fits:
                beyond += uses[e].amount * states[uses[e].limit].fine
        for is_beyond in range(2):
            own = item.most - fits if is_beyond else fits
            if own <= 0:
                continue
            onto[count] = item
            copy = onto[count]
            copy.most, copy.origin, copy.price, copy.cost = own, j, inside, beyond if is_beyond else inside
            copy.first = entries
            for e in range(item.first, item.end):
                state = states[uses[e].limit]
                if state.place < 0:
                    state.place = places
                    rows[places].free, rows[places].fine = max(state.free, 0.0), state.fine
                    places += 1
                watched[entries].limit, watched[entries].amount = state.place, uses[e].amount
                entries += 1
            copy.end = entries
            count += 1
    return count


@inner
def take(ground: Ground, standing: Standing, w: int, size: int, unmet: float, desk: Desk) -> None:
    """Let a need hold the cover that lies on the desk, once what it held is given back."""
    held, found = standing.held, desk.work.held
    count, cost = 0, unmet
    for k in range(size):
        j, times = desk.items[found[k].item].origin, found[k].times
        cost += times * ground.items[j].base
        place = count
        for q in range(count):
            if held[w, q].item == j:
                place = q
        if place == count:
            held[w, count].item, held[w, count].times = j, 0
            count += 1
        held[w, place].times += times
    standing.needs[w].size = count
    standing.needs[w].cost = cost if count else ground.wants[w].idle
    shift(ground, standing, w, TAKEN)


@inner
def note(standing: Standing, w: int, log: Log, place: int) -> None:
    """Note what a need holds."""
    move, need = log.moves[place], standing.needs[w]
    move.need, move.size, move.cost = w, need.size, need.cost
    for k in range(need.size):
        log.held[place, k].item, log.held[place, k].times = standing.held[w, k].item, standing.held[w, k].times


@inner
def take_back(ground: Ground, standing: Standing, log: Log, moves: int) -> None:
    """Take back the moves that were noted, the last one first."""
    for place in range(moves - 1, -1, -1):
        move = log.moves[place]
        w = move.need
        shift(ground, standing, w, BACK)
        for k in range(move.size):
            standing.held[w, k].item, standing.held[w, k].times = log.held[place, k].item, log.held[place, k].times
        standing.needs[w].size, standing.needs[w].cost = move.size, move.cost
        shift(ground, standing, w, TAKEN)


@inner
def gained(standing: Standing, log: Log, moves: int) -> float:
    """Return by how much less needs cost than before the moves that were noted."""
    total = 0.0
    for place in range(moves):
        is_first = True
        for earlier in range(place):
            if log.moves[earlier].need == log.moves[place].need:
                is_first = False
        if is_first:
            total += log.moves[place].cost - standing.needs[log.moves[place].need].cost
    return total
