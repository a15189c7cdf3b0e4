"""What tests read from plans of small fleets. No fleets are built here."""

from quartermaster.planner.eligibility.candidates import candidates
from quartermaster.planner.fleet import Fleet, Workload
from quartermaster.planner.plan import Plan


def replicas(made: Plan) -> dict[tuple[str, str], int]:
    """Return replicas by deployment and pool."""
    found: dict[tuple[str, str], int] = {}
    for placement in made.placements:
        key = (placement.candidate.workload.name, placement.candidate.pool)
        found[key] = found.get(key, 0) + placement.replicas
    return found


def rate_of(where: Fleet, asked: Workload, pool_name: str) -> float:
    """Return the largest rate of one replica in a pool, over its shapes."""
    admitted, _ = candidates(where, [asked])
    return max(c.throughput.requests_per_second for c in admitted if c.pool == pool_name)
