"""Plans made deployment by deployment, replica by replica: cheapest capacity first, and first fit by preference.

*Cheapest first* is the cost-aware mode of llm-d's Workload-Variant-Autoscaler: variants sorted by cost over capacity,
added from the first until the demand is served (documents read 2026-11-21). Unlike it, the sort meets real nodes here:
what does not fit is passed over. *First fit* takes pools in the order of preference: preferred regions by weight, then
as they are listed, whatever they cost. Both keep the fewest replicas, regions and zones; neither looks at budgets or
at shares of regions, which makes them cheaper, never dearer.
"""

import time
from collections.abc import Callable, Sequence

from quartermaster.planner.fleet import Workload
from quartermaster.planner.plan import Candidate
from tests.benchmarks.baselines.offer import CandidateId, Offer, Result, most_replicas, result
from tests.benchmarks.baselines.stock import Stock

Order = Callable[[Workload, Candidate], tuple[float | str, ...]]


def cheapest_first(offered: Offer) -> Result:
    """Return the plan of the cost-aware greedy."""
    return _one_by_one(offered, _by_cost_over_capacity)


def first_fit(offered: Offer) -> Result:
    """Return the plan of first fit by preference."""
    return _one_by_one(offered, _by_preference)


def _by_cost_over_capacity(workload: Workload, candidate: Candidate) -> tuple[float | str, ...]:
    del workload
    rate = max(candidate.throughput.requests_per_second, 1e-12)
    return (candidate.dollars_per_hour / rate, candidate.pool, candidate.shape.key)


def _by_preference(workload: Workload, candidate: Candidate) -> tuple[float | str, ...]:
    weights = {region.name: region.weight for region in workload.spec.placement.regions.preferred}
    return (-float(weights.get(candidate.region, 0)), candidate.pool, float(candidate.shape.chips))


def _one_by_one(offered: Offer, order: Order) -> Result:
    began = time.process_time()
    stock = Stock(offered.fleet)
    counts: dict[CandidateId, int] = {}
    for workload in offered.in_order:
        own = sorted(offered.candidates_by_key.get(workload.key, ()), key=lambda c: order(workload, c))  # used at once
        _fill(workload, own, stock, counts)
    return result(offered, counts, seconds=time.process_time() - began)


def _fill(workload: Workload, own: Sequence[Candidate], stock: Stock, counts: dict[CandidateId, int]) -> None:
    placement, fewest = workload.spec.placement, workload.spec.scaling.min_replicas
    left = workload.demand.requests_per_second
    replicas, regions, zones = 0, set[str](), set[str]()
    for wanted_regions, wanted_zones in _steps(placement.min_regions or 1, placement.min_zones or 1):
        for candidate in own:
            if len(regions) >= wanted_regions and len(zones) >= wanted_zones:
                break
            if candidate.is_external or (candidate.region in regions and len(regions) < wanted_regions):
                continue
            zone = stock.take(candidate, not_in=frozenset(zones) if len(zones) < wanted_zones else frozenset())
            if zone is not None:
                counts[candidate.id] = counts.get(candidate.id, 0) + 1
                left -= candidate.throughput.requests_per_second
                replicas, regions, zones = replicas + 1, regions | {candidate.region}, zones | {zone}
    for candidate in own:
        most = most_replicas(workload, candidate)
        while (left > 1e-12 or replicas < fewest) and replicas < most and stock.take(candidate) is not None:
            counts[candidate.id] = counts.get(candidate.id, 0) + 1
            left -= candidate.throughput.requests_per_second
            replicas += not candidate.is_external


def _steps(regions: int, zones: int) -> list[tuple[int, int]]:
    """Return the regions and zones to have reached after each pass over the candidates."""
    most = max(regions, zones)
    return [(min(step, regions), min(step, zones)) for step in range(1, most + 1)] if most > 1 else []
