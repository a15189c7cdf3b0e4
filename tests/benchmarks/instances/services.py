"""What deployments serve: a model at a token mix within objectives, and how fast every kind of chip is at it.

The speeds are the planner's own: its candidates are asked on a small fleet with one node of every kind.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np

from quartermaster.api.v1alpha1 import InferenceDeploymentSpec
from quartermaster.catalog.catalog import Catalog
from quartermaster.catalog.model import Model
from quartermaster.planner.eligibility.candidates import candidates
from quartermaster.planner.fleet import Demand, Fleet, Key, Pool, Workload
from tests.benchmarks.instances.recipe import Recipe
from tests.benchmarks.instances.traffic import clients

TODAY = date(2026, 11, 21)
FEWEST_PARAMETERS, MOST_PARAMETERS = 7e9, 7e11
CONTEXT_FRACTION = 0.75
"""The mean request takes at most this much of the context that is served."""
SERVED_CONTEXT_TOKENS = 32_768
OBJECTIVES = (
    {"timeToFirstTokenMilliseconds": 1500, "interTokenLatencyMilliseconds": 50},
    {"timeToFirstTokenMilliseconds": 4000, "interTokenLatencyMilliseconds": 100},
)

KindKey = tuple[str, int]
"""Accelerator and chips of a node."""


@dataclass(frozen=True, slots=True)
class Way:
    """One shape of a service on one kind of chip."""

    chips: int
    requests_per_second: float
    shape_key: str


@dataclass(frozen=True, slots=True)
class Service:
    """A model at a mix within objectives."""

    model: Model
    input_tokens: int
    output_tokens: int
    stated: dict[str, Any]
    """The fields of the spec that say so."""
    ways_by_kind: dict[KindKey, tuple[Way, ...]]

    @property
    def usual_requests_per_second(self) -> float:
        """What one replica of middling speed serves."""
        return float(np.median([ways[0].requests_per_second for ways in self.ways_by_kind.values()]))


def services(recipe: Recipe, pools: Sequence[Pool], catalog: Catalog, random: np.random.Generator) -> list[Service]:
    """Return services that can run on at least two kinds of chips of the fleet, or on the only one."""
    kinds = {kind_of(pool): pool for pool in pools if pool.external is None}
    models = [
        model
        for name, model in sorted(catalog.models_by_name.items())
        if FEWEST_PARAMETERS <= model.parameters <= MOST_PARAMETERS and model.kv_bytes_per_token and model.layers
    ]
    count = recipe.mixes_per_model * len(models) if recipe.mixes_per_model else recipe.deployments
    drafts = [_draft(models[place % len(models)], recipe, random) for place in range(count)]
    known = _with_ways(drafts, kinds)
    if recipe.has_one_shape:
        known = [_in_one_shape(service) for service in known]
    return [service for service in known if len(service.ways_by_kind) >= min(2, len(kinds))]


def kind_of(pool: Pool) -> KindKey:
    """Return the kind of chip and node of a pool."""
    return pool.accelerator_name, pool.hosts[0].chips


def _draft(model: Model, recipe: Recipe, random: np.random.Generator) -> Service:
    known = clients()
    place = int(random.integers(len(known.input_tokens)))
    most = CONTEXT_FRACTION * min(model.context_tokens, SERVED_CONTEXT_TOKENS)
    shrink = min(1.0, most / float(known.input_tokens[place] + known.output_tokens[place]))
    tokens = [max(1, int(series[place] * shrink)) for series in (known.input_tokens, known.output_tokens)]
    reference: dict[str, str] = {"name": model.name}
    if model.native_precision.value == "BF16" and random.random() < 1 / 2:
        reference["precision"] = "FP8"
    stated: dict[str, Any] = {"model": reference}
    if random.random() < recipe.objectives_fraction:
        stated["objectives"] = dict(OBJECTIVES[int(random.integers(len(OBJECTIVES)))])
    return Service(model, tokens[0], tokens[1], stated, {})


def _with_ways(drafts: Sequence[Service], kinds: dict[KindKey, Pool]) -> list[Service]:
    """Return the services with what the planner says of each kind of chip, on one free node."""
    name_by_kind = {kind: f"kind-{place:02}" for place, kind in enumerate(sorted(kinds))}
    kind_by_name = {name: kind for kind, name in name_by_kind.items()}
    samples = []
    for kind, pool in kinds.items():
        host = replace(pool.hosts[0], available_chips=kind[1], free_chips=kind[1])
        samples.append(replace(pool, name=name_by_kind[kind], hosts=(host,)))
    asked = [
        Workload(
            key=Key("services", f"service-{place:05}"),
            spec=InferenceDeploymentSpec.model_validate(draft.stated),
            model=draft.model,
            demand=Demand(1.0, draft.input_tokens, draft.output_tokens),
        )
        for place, draft in enumerate(drafts)
    ]
    eligible, _ = candidates(Fleet(tuple(samples), TODAY), asked)
    found: list[dict[KindKey, list[Way]]] = [{} for _ in drafts]
    for candidate in eligible:
        way = Way(candidate.shape.chips, candidate.throughput.requests_per_second, candidate.shape.key)
        place = int(candidate.workload.name.removeprefix("service-"))
        found[place].setdefault(kind_by_name[candidate.pool], []).append(way)
    return [
        replace(draft, ways_by_kind={kind: tuple(sorted(ways, key=_size)) for kind, ways in sorted(rows.items())})
        for draft, rows in zip(drafts, found, strict=True)
    ]


def _in_one_shape(service: Service) -> Service:
    """Return the service with the smallest shape that fits on each kind of chip, stated in its spec."""
    chips_by_name: dict[str, int] = {}
    for (name, _), ways in service.ways_by_kind.items():
        chips_by_name[name] = min(chips_by_name.get(name, ways[0].chips), ways[0].chips)
    shapes = [
        {"name": name, "accelerator": name, "tensorParallelism": chips} for name, chips in sorted(chips_by_name.items())
    ]
    # A stated shape is known by its name and by how it runs.
    left = {
        kind: tuple(
            replace(way, shape_key=f"{kind[0]}-{way.shape_key}") for way in ways if way.chips == chips_by_name[kind[0]]
        )
        for kind, ways in service.ways_by_kind.items()
    }
    return replace(
        service,
        stated={**service.stated, "serving": {"shapes": shapes}},
        ways_by_kind={kind: ways for kind, ways in left.items() if ways},
    )


def _size(way: Way) -> tuple[int, str]:
    return way.chips, way.shape_key
