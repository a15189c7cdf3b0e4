"""What a plan leaves undone, said in words: how much, what limits, and the smallest change that would help."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from quartermaster.planner.eligible import Eligible
from quartermaster.planner.fleet import Fleet, Pool, Workload
from quartermaster.planner.formulation import Missing, missing
from quartermaster.planner.judged import Judged
from quartermaster.planner.option import Option, is_counted
from quartermaster.planner.plan import Shortfall
from quartermaster.planner.problem import Need, Problem
from quartermaster.planner.room import largest_host_chips


@dataclass(frozen=True, slots=True)
class _Limited:
    """What limits a deployment."""

    cause: str
    reason: str
    message: str
    remedy: str


def shortfalls(
    fleet: Fleet,
    workloads: Sequence[Workload],
    problem: Problem,
    counts: Sequence[int],
    *,
    judged: Eligible,
) -> tuple[Shortfall, ...]:
    """Return the shortfalls, by deployment."""
    needs = {need.key: need for need in problem.needs}
    pools = {pool.name: pool for pool in fleet.pools}
    found: list[Shortfall] = []
    for workload in sorted(workloads, key=lambda w: w.key):
        need = needs.get(workload.key)
        if need is None:
            nothing = _nowhere(workload, judged[workload.key])
            found += [nothing] if nothing is not None else []
            continue
        short = missing(problem, need, counts)
        if not short.is_nothing:
            found.append(_short(workload, need, short, problem=problem, counts=counts, pools=pools))
    return tuple(found)


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


def _short(
    workload: Workload,
    need: Need,
    short: Missing,
    *,
    problem: Problem,
    counts: Sequence[int],
    pools: dict[str, Pool],
) -> Shortfall:
    limited = _own_limit(need, short, problem, counts=counts) or _full_pool(
        need, problem, counts=counts, pools=pools, short=short
    )
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
    if short.region_excess_requests_per_second:
        parts.append(f"one region holds more than {need.max_region_share:g} of the capacity")
    return Shortfall(
        workload.key,
        rate,
        short.replicas,
        limited.cause,
        limited.reason,
        f"{'; '.join(parts)}: {limited.message}",
        limited.remedy,
    )


def _own_limit(need: Need, short: Missing, problem: Problem, *, counts: Sequence[int]) -> _Limited | None:
    """Return the limit of the deployment itself that binds: its budget or its largest number of replicas."""
    options = problem.options
    spent = sum(options[i].candidate.dollars_per_hour * counts[i] for i in need.options)
    cheapest = min(options[i].candidate.dollars_per_hour for i in need.options)
    if spent + cheapest > need.budget:
        wanted = spent + cheapest * max(1, short.replicas)
        return _Limited(
            "budget",
            "BudgetReached",
            f"{spent:.2f} of {need.budget:.2f} $/h are spent, and the cheapest replica costs {cheapest:.2f}",
            f"raise spec.budget.maxDollarsPerHour to {wanted:.2f}",
        )
    inside = [i for i in need.options if not options[i].candidate.is_external]
    placed = sum(counts[i] for i in inside)
    if inside and short.rate_fraction > 0 and placed >= need.max_replicas:
        best = max(options[i].requests_per_second for i in inside)
        more = math.ceil(short.rate_fraction * need.requests_per_second / best)
        return _Limited(
            "max-replicas",
            "MaxReplicasReached",
            f"scaling.maxReplicas is {need.max_replicas}",
            f"raise spec.scaling.maxReplicas to {need.max_replicas + more}",
        )
    return None


def _full_pool(
    need: Need, problem: Problem, *, counts: Sequence[int], pools: dict[str, Pool], short: Missing
) -> _Limited:
    """Return the pool where one more node would help at the least price."""
    options = [problem.options[i] for i in need.options]
    if short.rate_fraction == 0 and not short.replicas:
        return _no_more_places(need, options)
    best = min(options, key=lambda o: (o.price / max(o.share, 1e-9) if o.share else o.price, o.candidate.id))
    pool = pools[best.candidate.pool]
    del counts
    if pool.external is not None:
        return _Limited(
            pool.name,
            "ServiceFull",
            f"external pool {pool.name} grants {pool.external.tokens_per_second:.0f} tokens/s, all of them in use",
            f"raise external.tokensPerSecond of AcceleratorPool {pool.name}, or add a pool",
        )
    chips = largest_host_chips(pool.hosts)
    per_node = max(1, chips // best.chips)
    wanted = max(short.replicas, math.ceil(short.rate_fraction / best.share - 1e-9) if best.share else 0, 1)
    nodes = math.ceil(wanted / per_node)
    gain = f"{per_node * best.requests_per_second:.3g} requests/s each"
    return _Limited(
        pool.name,
        "FleetFull",
        f"every eligible pool is full; {pool.name} ({pool.accelerator_name}, {best.chips} chips a replica) serves it "
        "best",
        f"add {nodes} node{'s' if nodes > 1 else ''} of {chips} × {pool.accelerator_name} to {pool.name} ({gain})",
    )


def _no_more_places(need: Need, options: Sequence[Option]) -> _Limited:
    inside = [o for o in options if not o.candidate.is_external]
    regions = sorted({o.candidate.region for o in inside})
    if need.min_zones > 1:
        zones = sorted({o.zone for o in inside})
        return _Limited(
            "min-zones",
            "SpreadUnmet",
            f"eligible pools have room in zones {', '.join(zones)}",
            "add nodes in another zone, or lower spec.placement.minZones",
        )
    cause = "min-regions" if need.min_regions > 1 else "max-region-share"
    field = "lower spec.placement.minRegions" if need.min_regions > 1 else "raise spec.placement.maxRegionShare"
    return _Limited(
        cause,
        "SpreadUnmet",
        f"eligible pools have room in regions {', '.join(regions)}",
        f"add a pool in another region, or {field}",
    )
