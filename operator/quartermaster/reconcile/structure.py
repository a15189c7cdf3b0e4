"""What a plan is made from, but for the load and for what runs of ours: where it is as it was, the plan stands."""

from collections.abc import Sequence
from dataclasses import replace

from quartermaster.planner.fleet import Fleet, Pool, Workload

Structure = tuple[object, ...]
"""Equal for equal fleets and specs. What a cache has kept is the same object, so that comparing two takes little."""


def structure(fleet: Fleet, workloads: Sequence[Workload]) -> Structure:
    """Return what the plan of these workloads on this fleet is made from."""
    asked = [(workload.key, workload.spec, workload.model.name, workload.demand.replicas) for workload in workloads]
    return (tuple([_pool(pool) for pool in fleet.pools]), fleet.today, fleet.profiles, tuple(asked))


def _pool(pool: Pool) -> tuple[object, ...]:
    # Free chips change with our own replicas; what others leave to us does not.
    hosts = tuple([(host.name, host.zone, host.available_chips, host.exists) for host in pool.hosts])
    return (replace(pool, hosts=()), hosts)
