"""What a plan leaves undone, said in words: how much, what limits, and the smallest change that would help."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quartermaster.planner.arrays import Floats, Ints
from quartermaster.planner.column import chosen_columns, unmet_of
from quartermaster.planner.eligible import Eligible
from quartermaster.planner.fleet import Workload
from quartermaster.planner.judged import Judged
from quartermaster.planner.offer import Need, Offer, Places, is_counted
from quartermaster.planner.plan import Shortfall
from quartermaster.planner.pose import Posed
from quartermaster.planner.room import largest_host_chips
from quartermaster.planner.solve import Solution
from quartermaster.planner.unmet import TOLERANCE, Unmet


@dataclass(frozen=True, slots=True)
class _Limited:
    """What limits a deployment."""

    cause: str
    reason: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True, eq=False)
class _Short:
    """What one deployment lacks, and what it has."""

    need: Need
    own: Offer
    counts: Ints
    """By option of its own."""
    rate_fraction: float
    replicas: int
    regions: int
    zones: int
    excess: float
    prices: Floats
    """Price of what each of its options takes from the limits."""


def shortfalls(
    workloads: Sequence[Workload], posed: Posed, solution: Solution, *, judged: Eligible
) -> tuple[Shortfall, ...]:
    """Return the shortfalls, by deployment."""
    place = {one.need.key: place for place, one in enumerate(posed.offers)}
    unmet = unmet_of(posed.problem, chosen_columns(posed.problem, solution.counts))
    is_short = ~unmet.is_nothing
    found: list[Shortfall] = []
    for workload in sorted(workloads, key=lambda w: w.key):
        at = place.get(workload.key)
        if at is None:
            nothing = _nowhere(workload, judged[workload.key])
            found += [nothing] if nothing is not None else []
        elif is_short[at]:
            found.append(_told(_short(posed, solution, unmet, at), posed.places))
    return tuple(found)


def _short(posed: Posed, solution: Solution, unmet: Unmet, at: int) -> _Short:
    first, last = posed.starts[at : at + 2]
    usage = posed.problem.usage
    entries = slice(usage.start[first], usage.start[last])
    paid = solution.prices[usage.limit[entries]] * usage.amount[entries]
    return _Short(
        posed.offers[at].need,
        posed.offers[at],
        solution.counts[first:last],
        float(unmet.rate[at]) if unmet.rate[at] > TOLERANCE else 0.0,
        int(unmet.replicas[at]),
        int(unmet.regions[at]),
        int(unmet.zones[at]),
        float(unmet.excess[at]),
        np.bincount(usage.option[entries] - first, paid, last - first).astype(np.float64),
    )


def _nowhere(workload: Workload, judged: Judged) -> Shortfall | None:
    """Return the shortfall of a deployment that no pool admits; none when it wants nothing."""
    demand = workload.demand
    rate = 0.0 if is_counted(workload) else demand.requests_per_second
    replicas = workload.spec.scaling.min_replicas if demand.replicas is None else demand.replicas
    if rate <= 0 and replicas <= 0:
        return None
    refusal = judged.nearest()
    if refusal is None:
        return Shortfall(
            workload.key,
            rate,
            replicas,
            "fleet",
            "NoPools",
            "the fleet has no pool with room for a replica",
            "add nodes with accelerators, or apply an AcceleratorPool",
        )
    nearest = judged.explain(refusal)
    return Shortfall(
        workload.key,
        rate,
        replicas,
        nearest.rule,
        "NoEligiblePool",
        f"none of {len(judged.view.pools)} pools is eligible; {nearest.pool} comes nearest, refused by {nearest.rule}:"
        f" {nearest.message}",
        nearest.remedy,
    )


def _told(short: _Short, places: Places) -> Shortfall:
    need = short.need
    limited = _own_limit(short) or _full_pool(short, places)
    rate = short.rate_fraction * need.requests_per_second
    parts = []
    if rate > 0:
        parts.append(f"{rate:.3g} of {need.requests_per_second:.3g} requests/s are not served")
    if short.replicas:
        parts.append(f"{short.replicas} of {need.min_replicas} replicas are missing")
    if short.regions:
        parts.append(f"{need.min_regions - short.regions} of {need.min_regions} regions hold a replica")
    if short.zones:
        parts.append(f"{need.min_zones - short.zones} of {need.min_zones} zones hold a replica")
    if short.excess:
        parts.append(f"one region holds more than {need.max_region_share:g} of the capacity")
    return Shortfall(
        need.key,
        rate,
        short.replicas,
        limited.cause,
        limited.reason,
        f"{'; '.join(parts)}: {limited.message}",
        limited.remedy,
    )


def _own_limit(short: _Short) -> _Limited | None:
    """Return the limit of the deployment itself that binds: its budget or its largest number of replicas."""
    need, own = short.need, short.own
    spent = float(own.dollars_per_hour @ short.counts)
    cheapest = float(own.dollars_per_hour.min())
    if spent + cheapest > need.budget:
        wanted = spent + cheapest * max(1, short.replicas)
        return _Limited(
            "budget",
            "BudgetReached",
            f"{spent:.2f} of {need.budget:.2f} $/h are spent, and the cheapest replica costs {cheapest:.2f}",
            f"raise spec.budget.maxDollarsPerHour to {wanted:.2f}",
        )
    inside = ~own.is_external
    placed = int(short.counts[inside].sum())
    if inside.any() and short.rate_fraction > 0 and placed >= need.max_replicas:
        best = float(own.requests_per_second[inside].max())
        more = math.ceil(short.rate_fraction * need.requests_per_second / best)
        return _Limited(
            "max-replicas",
            "MaxReplicasReached",
            f"scaling.maxReplicas is {need.max_replicas}",
            f"raise spec.scaling.maxReplicas to {need.max_replicas + more}",
        )
    return None


def _full_pool(short: _Short, places: Places) -> _Limited:
    """Return the pool where one more node would help at the least price."""
    if short.rate_fraction == 0 and not short.replicas:
        return _no_more_places(short, places)
    own = short.own
    worth = np.where(own.share > 0, own.price / np.maximum(own.share, 1e-9), own.price)
    best = int(np.lexsort((np.arange(own.count), worth))[0])
    pool = places.pools[own.pool[best]]
    if pool.external is not None:
        return _Limited(
            pool.name,
            "ServiceFull",
            f"external pool {pool.name} grants {pool.external.tokens_per_second:.0f} tokens/s, all of them in use",
            f"raise external.tokensPerSecond of AcceleratorPool {pool.name}, or add a pool",
        )
    chips, size, share = largest_host_chips(pool.hosts), int(own.chips[best]), float(own.share[best])
    per_node = max(1, chips // size)
    wanted = max(short.replicas, math.ceil(short.rate_fraction / share - 1e-9) if share else 0, 1)
    nodes = math.ceil(wanted / per_node)
    gain = f"{per_node * float(own.requests_per_second[best]):.3g} requests/s each"
    return _Limited(
        pool.name,
        "FleetFull",
        f"every eligible pool is full; {pool.name} ({pool.accelerator_name}, {size} chips a replica) serves it best",
        f"add {nodes} node{'s' if nodes > 1 else ''} of {chips} × {pool.accelerator_name} to {pool.name} ({gain})",
    )


def _no_more_places(short: _Short, places: Places) -> _Limited:
    own, need = short.own, short.need
    inside = np.flatnonzero(~own.is_external)
    if need.min_zones > 1:
        zones = sorted({places.zones[zone] for zone in own.zone[inside].tolist()})
        return _Limited(
            "min-zones",
            "SpreadUnmet",
            f"eligible pools have room in zones {', '.join(zones)}",
            "add nodes in another zone, or lower spec.placement.minZones",
        )
    regions = sorted({places.pools[pool].region for pool in own.pool[inside].tolist()})
    cause = "min-regions" if need.min_regions > 1 else "max-region-share"
    field = "lower spec.placement.minRegions" if need.min_regions > 1 else "raise spec.placement.maxRegionShare"
    return _Limited(
        cause,
        "SpreadUnmet",
        f"eligible pools have room in regions {', '.join(regions)}",
        f"add a pool in another region, or {field}",
    )
