"""How far a deployment can grow without a new plan: only where the plan put it, only on chips that are free."""

from quartermaster.planner.eligibility.candidates import EXTERNAL_UNITS
from quartermaster.planner.fleet import Fleet, Key, Pool
from quartermaster.planner.plan import Candidate, Placement, Plan
from quartermaster.planner.room import free_replicas

__all__ = ["free_replicas", "headroom"]


def headroom(fleet: Fleet, plan: Plan, key: Key) -> tuple[tuple[Placement, int], ...]:
    """Return how many more replicas of each placement of the deployment would fit now.

    Placements of one pool share its chips: the numbers hold one at a time, not together.
    """
    pools = {pool.name: pool for pool in fleet.pools}
    found: list[tuple[Placement, int]] = []
    for placement in plan.placements_of(key):
        pool = pools.get(placement.candidate.pool)
        if pool is not None:
            found.append((placement, _more(pool, plan, placement.candidate, replicas=placement.replicas)))
    return tuple(found)


def _more(pool: Pool, plan: Plan, candidate: Candidate, *, replicas: int) -> int:
    if pool.external is None:
        return free_replicas(pool, candidate.shape)
    used = sum(p.tokens_per_second for p in plan.placements if p.candidate.pool == pool.name)
    left = pool.external.tokens_per_second - used
    unit = candidate.throughput.tokens_per_second
    return min(EXTERNAL_UNITS - replicas, int(left / unit)) if unit > 0 else 0
