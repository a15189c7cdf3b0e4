"""Digests of what a decision is made from: equal digests mean that a plan need not be made anew."""

import hashlib
from collections.abc import Sequence

from quartermaster.planner.fleet import External, Fleet, Pool, Workload


def structure_digest(fleet: Fleet, workloads: Sequence[Workload]) -> str:
    """Return a digest of everything that a plan is made from, but for the load and for what runs of ours."""
    written = hashlib.sha256()
    for pool in fleet.pools:
        written.update(repr(_pool(pool)).encode())
    written.update(repr((fleet.today, fleet.profiles)).encode())
    for workload in workloads:
        written.update(repr((workload.key, workload.spec, workload.model.name, workload.demand.replicas)).encode())
    return written.hexdigest()[:16]


def _pool(pool: Pool) -> tuple[object, ...]:
    return (
        pool.name,
        pool.cluster,
        pool.region,
        pool.provider,
        pool.capacity_type,
        pool.accelerator_name,
        pool.resource_name,
        # Free chips change with our own replicas; what others leave to us does not.
        tuple((host.name, host.zone, host.available_chips, host.exists) for host in pool.hosts),
        pool.dollars_per_chip_hour,
        tuple(sorted(pool.facts.jurisdictions or ())),
        pool.facts.operator,
        tuple(sorted(pool.facts.operator_jurisdictions or ())),
        pool.facts.certifications,
        pool.facts.confidential_computing,
        tuple(sorted(pool.node_labels.items())),
        pool.absent_labels,
        pool.tolerations,
        _external(pool.external),
    )


def _external(external: External | None) -> tuple[object, ...]:
    if external is None:
        return ()
    return (
        external.endpoint,
        tuple(sorted(external.models)),
        external.tokens_per_second,
        external.dollars_per_million_input_tokens,
        external.dollars_per_million_output_tokens,
        external.time_to_first_token_seconds,
        external.inter_token_latency_seconds,
    )
