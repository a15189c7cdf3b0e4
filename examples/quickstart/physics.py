"""How fast each double is: what the planner believes of the candidate, so that the plan and the doubles agree."""

from collections.abc import Callable, Mapping
from typing import Any

from quartermaster.api import names
from quartermaster.catalog.load import load_catalog
from quartermaster.cli import world
from quartermaster.planner.eligibility.candidates import candidates
from quartermaster.planner.throughput.fit import Timing, mix_of, profile_key, profiles_by_key, timing
from quartermaster.reconcile.planned import observe_fleet
from quartermaster.reconcile.workloads import workloads
from tests.lab.modelserver import PodFacts, ReplicaPhysics

JsonObject = dict[str, Any]
Place = tuple[str, str, str]
"""InferenceDeployment, pool, shape key: the labels of a pod."""


def physics_by_place(objects: list[JsonObject]) -> dict[Place, ReplicaPhysics]:
    """Return the physics of a replica of every candidate that the planner may choose for these objects."""
    seen, catalog = world.observed(objects), load_catalog()
    fleet, _ = observe_fleet(seen, catalog)
    documents = [entry.document for entry in seen.deployments if entry.document is not None]
    planned, _ = workloads(documents, catalog, demand_by_key={}, running={})
    workload_by_key = {workload.key: workload for workload in planned}
    profiles = profiles_by_key(fleet.profiles)
    found: dict[Place, ReplicaPhysics] = {}
    for candidate in candidates(fleet, planned)[0]:
        if candidate.is_external:
            continue
        workload, accelerator = workload_by_key[candidate.workload], catalog.accelerator(candidate.accelerator)
        known = timing(
            workload.model,
            accelerator,
            candidate.shape,
            mix=mix_of(workload),
            profile=profiles.get(profile_key(workload.model, accelerator, candidate.shape)),
        )
        if known is not None:
            found[candidate.workload.name, candidate.pool, candidate.shape.key] = _physics(known)
    return found


def _physics(known: Timing) -> ReplicaPhysics:
    coefficients = known.coefficients
    return ReplicaPhysics(
        alpha_seconds=coefficients.alpha_seconds + coefficients.expert_seconds,
        beta_seconds_per_token=coefficients.beta_seconds_per_token,
        gamma_seconds_per_token=coefficients.gamma_seconds_per_token,
        max_batch=known.max_batch_size,
        kv_capacity_tokens=known.kv_capacity_tokens,
    )


def facts_of_pods(
    physics: Mapping[Place, ReplicaPhysics],
) -> Callable[[JsonObject], tuple[str, str, ReplicaPhysics] | None]:
    """Return engine, model and physics of a pod, as the doubles want them; None for a pod that serves nothing."""

    def facts(pod: JsonObject) -> tuple[str, str, ReplicaPhysics] | None:
        labels = pod["metadata"].get("labels", {})
        place = tuple(labels.get(key, "") for key in (names.DEPLOYMENT_LABEL, names.POOL_LABEL, names.SHAPE_LABEL))
        known = physics.get((place[0], place[1], place[2]))
        return None if known is None else PodFacts({}, default=known)(pod)

    return facts
