"""A deployment as people state it, from its draft: the spec, the demand and what runs. It decides nothing else."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

from quartermaster.api.v1alpha1 import InferenceDeploymentSpec
from quartermaster.planner.fleet import Demand, Key, Running, Source, Workload
from tests.benchmarks.instances.deployments import Draft, Spread
from tests.benchmarks.instances.planting import REGION_SHARE, Planted, Seated, seats_by_way
from tests.benchmarks.instances.recipe import Recipe

NAMESPACE = "default"
MOST_MISSING_FRACTION = 0.3
"""Of the replicas of a deployment that runs, up to this part is missing: its load has grown."""
RATE_DIGITS = 9


def state(
    place: int, draft: Draft, found: Planted, *, recipe: Recipe, usual_dollars: float, random: np.random.Generator
) -> tuple[Workload, Seated]:
    """Return the deployment of this number and the seats of its replicas that run."""
    service = draft.service
    rate = f"{found.requests_per_second:.{RATE_DIGITS}f}"
    stated: dict[str, Any] = {
        **service.stated,
        "traffic": {
            "inputTokens": service.input_tokens,
            "outputTokens": service.output_tokens,
            "requestsPerSecond": rate,
        },
        "placement": _placement(draft, found),
    }
    if draft.priority:
        stated["priority"] = draft.priority
    if random.random() < recipe.budget_fraction:
        stated["budget"] = {"maxDollarsPerHour": f"{usual_dollars * random.uniform(1.2, 2.0):.2f}"}
    running: Seated = []
    if random.random() < recipe.running_fraction:
        missing = round(len(found.seats) * MOST_MISSING_FRACTION * random.random())
        running = found.seats[missing:]
    workload = Workload(
        key=Key(NAMESPACE, f"model-{place:05}"),
        spec=InferenceDeploymentSpec.model_validate(stated),
        model=service.model,
        demand=Demand(float(rate), service.input_tokens, service.output_tokens, source=Source.DECLARED),
        running=_running(running, is_zoned=found.spread is Spread.ZONES),
    )
    return workload, running


def _running(seated: Seated, *, is_zoned: bool) -> tuple[Running, ...]:
    by_zone: dict[str, Seated] = defaultdict(list)
    for way, seat in seated:
        by_zone[seat.zone if is_zoned else ""].append((way, seat))
    rows = [
        Running(pool, shape_key, len(hosts), len(hosts), tuple(hosts), zone)
        for zone, part in by_zone.items()
        for (pool, shape_key), hosts in seats_by_way(part).items()
    ]
    return tuple(sorted(rows, key=lambda row: row.place))


def _placement(draft: Draft, found: Planted) -> Mapping[str, Any]:
    stated: dict[str, Any] = {
        "regions": {"required": sorted(draft.regions)},
        "accelerators": {"allow": {"names": sorted(draft.accelerators)}},
    }
    if found.spread is Spread.SHARE:
        stated["maxRegionShare"] = str(REGION_SHARE)
    elif found.spread is not Spread.NONE:
        stated[found.spread.value] = 2
    return stated
