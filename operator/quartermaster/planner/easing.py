"""Whole plans by easing: what is overdrawn is fined, and needs move where that is cheaper, until nothing is. Compiled.

Each move covers one need anew, at prices as they stand, and never makes the whole dearer; where nothing moves and
limits are still overdrawn, their fines grow. So whoever can leave at the least price leaves first. A whole plan is then
improved need by need: one takes what it would like best, as if others made way at the prices of limits, and they do, or
all is as before.
"""

from quartermaster.planner.arrays import Floats, Ints
from quartermaster.planner.branch import cover
from quartermaster.planner.compiled import compiled
from quartermaster.planner.standing import (
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

STEEP = 1e3
"""Growth of fines once enough was tried: whoever cannot make way cheaply then does so at any price."""
SMALL_FRACTION = 1e-9
"""Part of a need's cost by which a move gains something."""


@compiled
def better(
    ground: Ground,
    standing: Standing,
    w: int,
    weight: float,
    desk: Desk,
) -> bool:
    """Cover one need anew where that costs less as all others stand; return whether it did.

    Args:
        ground: what does not change.
        standing: what needs hold.
        w: the need.
        weight: part of the prices of limits that counts for what is not overdrawn.
        desk: room to work.
    """
    now = charged(ground, standing, w, weight)
    known = min(now, ground.idle[w])
    known -= SMALL_FRACTION * (abs(known) + 1.0)
    shift(ground, standing, w, BACK)
    lay_out(ground, standing, w, weight, desk)
    one = cover(
        desk.items,
        desk.items.start[0],
        desk.items.start[1],
        ground.wants,
        w,
        desk.price,
        desk.base,
        desk.rows,
        known,
        -1.0,
        desk.effort,
        desk.work,
        desk.hits,
    )
    if one.size == 0 and not (standing.size[w] > 0 and ground.idle[w] < now):
        shift(ground, standing, w, TAKEN)
        return False
    take(ground, standing, w, one.size, one.unmet, desk)
    return True


@compiled
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
    free, fine, room = standing.free, standing.fine, ground.room
    wanted_start, wanted_by = ground.wanted_start, ground.wanted_by
    size, cost = standing.size, standing.cost
    limits, is_logged = free.size, log.need.size > 0
    moves, covers, turn, paid = 0, 0, 0, 0.0
    seen = desk.seen
    seen[:] = 0
    while True:
        turn += 1
        has_moved, is_done = False, True
        for limit in range(limits):
            if not is_overdrawn(free[limit], room[limit]):
                continue
            is_done = False
            for r in range(wanted_start[limit], wanted_start[limit + 1]):
                if not is_overdrawn(free[limit], room[limit]):
                    break
                w = wanted_by[r]
                if size[w] == 0 or seen[w] == turn or not holds(ground, standing, w, limit):
                    continue
                seen[w] = turn
                covers += 1
                if is_logged:
                    if covers > most or moves >= log.need.size:
                        return False, moves
                    note(standing, w, log, moves)
                before = cost[w]
                if better(ground, standing, w, weight, desk):
                    has_moved = True
                    paid += cost[w] - before
                    moves += 1
                    if paid > spare:
                        return False, moves
        if is_done:
            return True, moves
        if not has_moved:
            for limit in range(limits):
                if is_overdrawn(free[limit], room[limit]):
                    steep = STEEP if covers > most else growth
                    fine[limit] = min(fine[limit] * steep, MOST_FINE)


@compiled
def improve(
    ground: Ground,
    standing: Standing,
    order: Ints,
    fine: Floats,
    growth: float,
    most: Ints,
    desk: Desk,
    log: Log,
) -> float:
    """Let one need after another have what it would like best, where others make way for less than it gains.

    Args:
        ground: what does not change.
        standing: what needs hold; nothing is overdrawn, before and after.
        order: the needs that are tried.
        fine: fines for what is overdrawn, to begin with.
        growth: by how much they grow where nothing moves.
        most: covers that are looked for, for each need.
        desk: room to work.
        log: room for the moves of one try.

    Returns:
        Dollars per hour that were gained.
    """
    total = 0.0
    rest = Log(log.need[1:], log.item[1:], log.times[1:], log.size[1:], log.cost[1:])
    for place in range(order.size):
        w = order[place]
        standing.fine[:] = fine
        note(standing, w, log, 0)
        if not better(ground, standing, w, 0.0, desk):
            continue
        spare = log.cost[0] - standing.cost[w]
        is_whole, moves = ease(ground, standing, 0.0, growth, most[place], spare, desk, rest)
        gain = gained(standing, log, moves + 1)
        if is_whole and gain > SMALL_FRACTION * abs(log.cost[0]):
            total += gain
        else:
            take_back(ground, standing, log, moves + 1)
    return total
