"""The joint problem as numbers: options, needs and the limits that they share. Made once per plan; no solver here.

Whatever concerns one deployment alone is in its need; what several share is a limit. Everything is ordered by name, so
equal fleets give equal problems.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from quartermaster.planner.fleet import Fleet, Key, Workload
from quartermaster.planner.limit import Limit, limits_of, tenants_of
from quartermaster.planner.option import Option, counts_of, is_counted, is_spread, options_of
from quartermaster.planner.plan import Candidate


@dataclass(frozen=True, slots=True)
class Need:
    """What one deployment wants, and the limits that are its own."""

    key: Key
    priority: int
    options: tuple[int, ...]
    requests_per_second: float
    """0 when the count is set from outside."""
    min_replicas: int
    max_replicas: int
    """Equal to the minimum when the count is set from outside."""
    budget: float
    min_regions: int
    min_zones: int
    max_region_share: float
    share_scale: float
    """Requests per second that the excess of a region is measured against."""
    weight: float
    """Dollars per hour of the cheapest way to meet the whole need: shortage is shared in proportion to it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Options, needs and limits."""

    options: tuple[Option, ...]
    needs: tuple[Need, ...]
    limits: tuple[Limit, ...]

    @property
    def priorities(self) -> tuple[int, ...]:
        """Every priority, the highest first."""
        return tuple(sorted({need.priority for need in self.needs}, reverse=True))


def problem(
    fleet: Fleet, workloads: Sequence[Workload], candidates: Sequence[Candidate], *, settled: Iterable[str] = ()
) -> Problem:
    """Return the problem; in the ``settled`` pools nothing that runs is assumed to make room for something larger."""
    pools = {pool.name: pool for pool in fleet.pools}
    by_workload: dict[Key, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        by_workload[candidate.workload].append(candidate)
    zoned = frozenset(c.pool for w in workloads if is_spread(w) for c in by_workload[w.key])
    options: list[Option] = []
    needs: list[Need] = []
    for workload in sorted(workloads, key=lambda w: w.key):
        own = options_of(workload, by_workload[workload.key], pools, zoned=zoned)
        if own:
            places_of_own = tuple(range(len(options), len(options) + len(own)))
            needs.append(_need(workload, own, places_of_own))
            options += own
    limits = limits_of(options, pools, tenants_of(workloads, fleet), settled=frozenset(settled))
    return Problem(tuple(options), tuple(needs), tuple(limits))


def _need(workload: Workload, own: Sequence[Option], indices: tuple[int, ...]) -> Need:
    spec = workload.spec
    low, high = counts_of(workload)
    internal = [option for option in own if not option.candidate.is_external]
    rate = workload.demand.requests_per_second
    if is_counted(workload) and internal:
        rate = 0.0
    if not internal:
        low = 0
    is_wanted = rate > 0 or low > 0
    return Need(
        key=workload.key,
        priority=spec.priority or 0,
        options=indices,
        requests_per_second=rate,
        min_replicas=low,
        max_replicas=high,
        budget=math.inf if spec.budget is None else float(spec.budget.max_dollars_per_hour),
        min_regions=(spec.placement.min_regions or 1) if is_wanted and internal else 1,
        min_zones=(spec.placement.min_zones or 1) if is_wanted and internal else 1,
        max_region_share=float(spec.placement.max_region_share or 1.0) if is_wanted else 1.0,
        share_scale=max(rate, *(option.requests_per_second for option in own), 1e-9),
        weight=_weight(own, rate, low),
    )


def _weight(own: Sequence[Option], rate: float, low: int) -> float:
    """Return the price of the cheapest way to meet the need with one option; a service without load costs nothing."""
    if rate <= 0:
        return max(min((o.price for o in own if not o.candidate.is_external), default=0.0) * max(low, 1), 1e-3)
    return max(min(o.price * max(math.ceil(1 / o.share - 1e-9), low, 1) for o in own), 1e-3)
