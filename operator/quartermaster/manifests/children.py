"""All objects of one InferenceDeployment, in the order in which they are applied."""

from collections.abc import Iterable, Mapping
from typing import Any

from quartermaster.api.v1alpha1 import InferenceDeployment
from quartermaster.api.v1alpha1.enums import EngineName
from quartermaster.catalog.engine import Engine
from quartermaster.manifests.deployment import placement_deployment
from quartermaster.manifests.disruption import disruption_budget
from quartermaster.manifests.external import external_objects
from quartermaster.manifests.replica import Replica
from quartermaster.manifests.service import deployment_service
from quartermaster.planner.fleet import Pool, Workload
from quartermaster.planner.plan import Placement


def children(
    deployment: InferenceDeployment,
    workload: Workload,
    *,
    placements: Iterable[Placement],
    pools_by_name: Mapping[str, Pool],
    engines_by_name: Mapping[EngineName, Engine],
) -> tuple[dict[str, Any], ...]:
    """Return every object that one InferenceDeployment wants, in apply order: Service, budget, then placements.

    Service and budget are wanted also while nothing is placed, so that an address stays what it is. Equal arguments
    give equal objects, in whatever order the placements come.

    Raises:
        ManifestError: a placement cannot be written; the message says why and what to do.
        KeyError: a placement names a pool or an engine that is not given.
    """
    objects = [deployment_service(deployment), disruption_budget(deployment)]
    for placement in sorted(placements, key=lambda p: p.place):
        pool = pools_by_name[placement.candidate.pool]
        if pool.external:
            objects += external_objects(deployment, placement, pool.external)
        else:
            engine = engines_by_name[placement.candidate.shape.engine]
            objects.append(placement_deployment(Replica(deployment, workload, placement, pool, engine)))
    return tuple(objects)
