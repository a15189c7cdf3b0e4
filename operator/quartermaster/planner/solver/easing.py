"""Whole plans by easing: what is overdrawn is fined, and needs move where that is cheaper, until nothing is. Compiled.

Each move covers one need anew, at prices as they stand, and never makes the whole dearer; where nothing moves and
limits are still overdrawn, their fines grow. So whoever can leave at the least price leaves first. A whole plan is then
improved need by need: one takes what it would like best, as if others made way at the prices of limits, and they do, or
all is as before.
"""

import numpy as np

from quartermaster.planner.covers.branch import cover
from quartermaster.planner.covers.records import NONE
from quartermaster.planner.numerics.arrays import Floats, Ints
from quartermaster.planner.numerics.compiled import compiled, inlined
from quartermaster.planner.solver.standing import (
    BACK,
    MOST_FINE,
    TAKEN,
    Desk,
    Ground,
    Log,
    Standing,
    charged,
    gained,
    holds,
    is_overdrawn,
    lay_out,
    note,
    shift,
    take,
    take_back,
)

NOBODY = -1
"""Of needs, none."""
STEEP = 1e3
"""Growth of fines once enough was tried: whoever cannot make way cheaply then does so at any price."""
SMALL_FRACTION = 1e-9
"""Part of a need's cost by which a move gains something."""


@inlined
def better(ground: Ground, standing: Standing, w: int, weight: float, desk: Desk) -> bool:
    """Cover one need anew where that costs less as all others stand; return whether it did.

    Args:
        ground: what does not change.
        standing: what needs hold.
        w: the need.
        weight: part of the prices of limits that counts for what is not overdrawn.
        desk: room to work.
    """
    now = charged(ground, standing, w, weight)
    idle = ground.wants[w].idle
    known = min(now, idle)
    known -= SMALL_FRACTION * (abs(known) + 1.0)
    shift(ground, standing, w, BACK)
    count = lay_out(ground, standing, w, weight, desk)
    one = cover(desk.items, NONE, count, ground.wants, w, known, -1.0, desk.effort, desk.work, desk.hits)
    if one.size == 0 and not (standing.needs[w].size > 0 and idle < now):
        shift(ground, standing, w, TAKEN)
        return False
    take(ground, standing, w, one.size, one.unmet, desk)
    return True


@inlined
def ease(
    ground: Ground,
    standing: Standing,
    weight: float,
    growth: float,
    most: int,
    spare: float,
    desk: Desk,
    log: Log,
) -> tuple[bool, int]:
    """Move needs until no limit is overdrawn.

    Args:
        ground: what does not change.
        standing: what needs hold.
        weight: part of the prices of limits that counts for what is not overdrawn.
        growth: by how much fines grow where nothing moves.
        most: covers that are looked for before giving up, where the log is kept.
        spare: what the moves may cost in all.
        desk: room to work.
        log: of the moves; one without room is not kept, and then it does not give up.

    Returns:
        Whether nothing is overdrawn, and the moves that were noted.
    """
    limits, states, needs, wanted_by = ground.limits, standing.limits, standing.needs, ground.wanted_by
    is_logged = log.moves.size > 0
    moves, covers, paid = NONE, 0, 0.0
    while True:
        desk.turn[0] += 1
        turn = desk.turn[0]
        has_moved, is_done = False, True
        for limit in range(limits.size):
            if not is_overdrawn(states[limit].free, limits[limit].room):
                continue
            is_done = False
            for r in range(limits[limit].first, limits[limit].end):
                if not is_overdrawn(states[limit].free, limits[limit].room):
                    break
                w = wanted_by[r]
                if needs[w].size == 0 or needs[w].seen == turn or not holds(ground, standing, w, limit):
                    continue
                needs[w].seen = turn
                covers += 1
                if is_logged:
                    if covers > most or moves >= log.moves.size:
                        return False, moves
                    note(standing, w, log, moves)
                before = needs[w].cost
                if better(ground, standing, w, weight, desk):
                    has_moved = True
                    paid += needs[w].cost - before
                    moves += 1
                    if paid > spare:
                        return False, moves
        if is_done:
            return True, moves
        if not has_moved:
            for limit in range(limits.size):
                if is_overdrawn(states[limit].free, limits[limit].room):
                    steep = STEEP if covers > most else growth
                    states[limit].fine = min(states[limit].fine * steep, MOST_FINE)


@compiled
def improve(
    ground: Ground,
    standing: Standing,
    order: Ints,
    fine: Floats,
    weight: float,
    growth: float,
    most: Ints,
    desk: Desk,
    log: Log,
) -> None:
    """Let one need after another have what it would like best, where others make way for less than it gains.

    Args:
        ground: what does not change.
        standing: what needs hold; nothing is overdrawn, before and after.
        order: the needs that are tried; ``NOBODY`` where others make way for what is overdrawn already.
        fine: fines for what is overdrawn, to begin with.
        weight: part of the prices of limits that counts for what is not overdrawn.
        growth: by how much they grow where nothing moves.
        most: covers that are looked for, for each need.
        desk: room to work.
        log: room for the moves of one try; none for nobody.
    """
    rest = Log(log.moves[1:], log.held[1:])
    for place in range(order.size):
        w = order[place]
        for limit in range(fine.size):
            standing.limits[limit].fine = fine[limit]
        spare = np.inf
        if w != NOBODY:
            note(standing, w, log, NONE)
            if not better(ground, standing, w, weight, desk):
                continue
            spare = log.moves[0].cost - standing.needs[w].cost
        is_whole, moves = ease(ground, standing, weight, growth, most[place], spare, desk, rest)
        if w == NOBODY:
            continue
        gain = gained(standing, log, moves + 1)
        if not is_whole or gain <= SMALL_FRACTION * abs(log.moves[0].cost):
            take_back(ground, standing, log, moves + 1)
