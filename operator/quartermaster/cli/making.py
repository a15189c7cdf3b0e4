"""The plan that the operator would make of one look at the world, with what a person wants to know of how it was made.

The operator's own decision is asked, so that what is shown is what would be done. Nothing is printed here.
"""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from quartermaster.catalog.catalog import Catalog
from quartermaster.planner.explain.worth import NodeWorth, worth_telling
from quartermaster.planner.fleet import Demand, Fleet, Key, Pool
from quartermaster.planner.plan import Plan
from quartermaster.reconcile.declared import Declared
from quartermaster.reconcile.observation import Observed
from quartermaster.reconcile.outcome import Memory
from quartermaster.reconcile.planned import planned
from quartermaster.reconcile.pools import Refusal
from quartermaster.reconcile.workloads import Unplannable


@dataclass(frozen=True, slots=True)
class Refused:
    """An object that cannot be planned with."""

    kind: str
    namespace: str
    name: str
    reason: str
    """CamelCase."""
    message: str

    @property
    def title(self) -> str:
        """What it is called."""
        return "/".join(part for part in (self.namespace, self.name) if part)


@dataclass(frozen=True, slots=True)
class Made:
    """A plan, what it was made from, and how long that took."""

    plan: Plan
    fleet: Fleet
    demand_by_key: Mapping[Key, Demand] = field(hash=False)
    """What each deployment that could be planned must serve."""
    refused: tuple[Refused, ...]
    solve_seconds: float
    worths: tuple[NodeWorth, ...] = ()
    """Where one more node would be worth most."""

    @property
    def pool_by_name(self) -> dict[str, Pool]:
        """Every pool that was planned on."""
        return {pool.name: pool for pool in self.fleet.pools}

    @property
    def unplanned(self) -> tuple[Refused, ...]:
        """The InferenceDeployments that could not be planned."""
        return tuple(refused for refused in self.refused if refused.kind == "InferenceDeployment")


def make(seen: Observed, catalog: Catalog, *, most_seconds: float = math.inf) -> Made:
    """Return the plan for what was seen.

    Load that the status of a deployment tells as measured counts, as for an operator that starts anew; otherwise that
    which the spec declares.

    Args:
        seen: one look at the world.
        catalog: facts that ship with Quartermaster.
        most_seconds: after so long the best plan found is taken.
    """
    started_seconds = time.perf_counter()

    def is_late() -> bool:
        return time.perf_counter() - started_seconds > most_seconds

    made = planned(seen, Memory(), catalog=catalog, plan_seconds=0.0, is_late=is_late)
    solve_seconds = time.perf_counter() - started_seconds
    return Made(
        plan=made.plan,
        fleet=made.fleet,
        demand_by_key={workload.key: workload.demand for workload in made.workloads},
        refused=(*_invalid(seen), *map(_unusable, made.unusable), *map(_unplannable, made.unplannable)),
        solve_seconds=solve_seconds,
        worths=worth_telling(made.plan),
    )


def _invalid(seen: Observed) -> Iterator[Refused]:
    entries: list[Declared[Any]] = [*seen.deployments, *seen.pools, *seen.profiles]
    for entry in entries:
        if entry.document is None:
            reference = entry.reference
            yield Refused(reference.kind, reference.namespace, reference.name, "Invalid", entry.refusal)


def _unusable(refusal: Refusal) -> Refused:
    return Refused(refusal.kind, "", refusal.name, refusal.reason, refusal.message)


def _unplannable(found: Unplannable) -> Refused:
    return Refused("InferenceDeployment", found.key.namespace, found.key.name, found.reason, found.message)
