"""How tight an instance is: the least part of every pool with which a linear program could serve everything.

    min  λ
    s.t. Σ_i min(T_i / d_w, 1) n_i ≥ 1 for every deployment,  Σ_i chips_i n_i ≤ λ C_p for every pool,  n ≥ 0
Whole replicas, nodes and rules only need more, so a full plan needs at least this part of some pool.
"""

from quartermaster.planner.eligibility.candidates import candidates
from tests.benchmarks.baselines.milp import INFINITY, Rows, minimise
from tests.benchmarks.instances.generate import Instance


def needed_fraction(instance: Instance, *, seconds: float = 300.0) -> float:
    """Return λ, over the deployments that some pool of nodes may serve; wall-clock seconds at most as given."""
    rows = Rows()
    fullness = rows.variable(1.0, INFINITY)
    by_workload: dict[object, list[tuple[int, float]]] = {}
    by_pool: dict[str, list[tuple[int, float]]] = {}
    rate = {workload.key: workload.demand.requests_per_second for workload in instance.workloads}
    for candidate in candidates(instance.fleet, instance.workloads)[0]:
        if not candidate.is_external:
            replicas = rows.variable(0.0, INFINITY)
            share = min(1.0, candidate.throughput.requests_per_second / rate[candidate.workload])
            by_workload.setdefault(candidate.workload, []).append((replicas, share))
            by_pool.setdefault(candidate.pool, []).append((replicas, float(candidate.shape.chips)))
    for terms in by_workload.values():
        rows.row(terms, low=1.0)
    for pool in instance.fleet.pools:
        if pool.name in by_pool:
            rows.row([*by_pool[pool.name], (fullness, -float(max(1, pool.available_chips)))], high=0.0)
    return minimise(rows, seconds=seconds, gap_fraction=0.0).objective
