"""What a plan leaves undone, said in words: how much, what limits, and the smallest change that would help."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from quartermaster.planner.eligibility.eligible import Eligible
from quartermaster.planner.eligibility.judged import Judged
from quartermaster.planner.explain.lacking import Lacking, lacking
from quartermaster.planner.explain.onemore import Node, limits_by_pool, nodes_like, scarcity, served_on
from quartermaster.planner.fleet import Workload
from quartermaster.planner.plan import Shortfall
from quartermaster.planner.posing.offer import ANY_ZONE, Places, is_counted
from quartermaster.planner.posing.pose import Posed
from quartermaster.planner.solver.solve import Solution

_CENT = 0.01
_TRIED = 16
"""Pools of others' next nodes that are passed over."""


@dataclass(frozen=True, slots=True)
class _Limited:
    """What limits a deployment."""

    cause: str
    reason: str
    message: str
    remedy: str


@dataclass(frozen=True, eq=False)
class _Seen:
    """A plan, with who goes short in it."""

    posed: Posed
    solution: Solution
    queue: Sequence[Lacking]
    """In the order in which they are served."""

    @cached_property
    def _rows_by_pool(self) -> dict[int, list[int]]:
        return limits_by_pool(self.posed)

    @cached_property
    def _nodes_by_pool(self) -> dict[int, tuple[Node, ...]]:
        return {}

    def node(self, pool: int, zone: int) -> Node | None:
        """Return a node that the pool might have besides its own, in this zone where it matters; none of a service."""
        if pool not in self._nodes_by_pool:
            self._nodes_by_pool[pool] = nodes_like(self.posed, pool)
        return next((node for node in self._nodes_by_pool[pool] if zone in {ANY_ZONE, node.zone}), None)

    @cached_property
    def _left_by_node(self) -> dict[tuple[Node, int], int]:
        return {}

    def left_by_higher(self, node: Node, priority: int) -> int:
        """Return the chips of the node that those of a higher priority would leave."""
        if (node, priority) not in self._left_by_node:
            self._left_by_node[node, priority] = served_on(node, self.queue, above=priority)[1]
        return self._left_by_node[node, priority]

    def saved(self, node: Node) -> float:
        """Return what a node would save the plan where deployments share its pool."""
        return scarcity(self.posed, self.solution.prices, node, self._rows_by_pool.get(node.pool, []))

    @cached_property
    def dollars_per_hour(self) -> float:
        """Price of all that is placed."""
        return float(self.posed.problem.options.dollars_per_hour @ self.solution.counts)


def shortfalls(
    workloads: Sequence[Workload], posed: Posed, solution: Solution, *, judged: Eligible
) -> tuple[Shortfall, ...]:
    """Return the shortfalls, by deployment."""
    seen = _Seen(posed, solution, lacking(posed, solution))
    short_by_key = {one.need.key: one for one in seen.queue}
    offered = {one.need.key for one in posed.offers}
    found: list[Shortfall] = []
    for workload in sorted(workloads, key=lambda w: w.key):
        if workload.key in short_by_key:
            found.append(_told(short_by_key[workload.key], seen))
        elif workload.key not in offered:
            nothing = _nowhere(workload, judged[workload.key])
            found += [nothing] if nothing is not None else []
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


def _told(short: Lacking, seen: _Seen) -> Shortfall:
    need, rate = short.need, short.requests_per_second
    limited = _own_limit(short) or _full_pool(short, seen)
    regions, zones = int(short.unmet.regions[0]), int(short.unmet.zones[0])
    parts = []
    if rate > 0:
        parts.append(f"{rate:.3g} of {need.requests_per_second:.3g} requests/s are not served")
    if short.replicas:
        parts.append(f"{short.replicas} of {need.min_replicas} replicas are missing")
    if regions:
        parts.append(f"{need.min_regions - regions} of {need.min_regions} regions hold a replica")
    if zones:
        parts.append(f"{need.min_zones - zones} of {need.min_zones} zones hold a replica")
    if short.unmet.excess[0] > 0:
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


def _own_limit(short: Lacking) -> _Limited | None:
    """Return the limit of the deployment itself that binds: its budget or its largest number of replicas."""
    need, own = short.need, short.offer
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
    if inside.any() and short.requests_per_second > 0 and placed >= need.max_replicas:
        best = float(own.requests_per_second[inside].max())
        more = math.ceil(short.requests_per_second / best)
        return _Limited(
            "max-replicas",
            "MaxReplicasReached",
            f"scaling.maxReplicas is {need.max_replicas}",
            f"raise spec.scaling.maxReplicas to {need.max_replicas + more}",
        )
    return None


def _full_pool(short: Lacking, seen: _Seen) -> _Limited:
    """Return the pool that keeps it out: where room for it would cost least, and one more node is not others' first."""
    if not short.requests_per_second and not short.replicas:
        return _no_more_places(short, seen.posed.places)
    best = _keeping_out(short, seen)
    if best is None:
        has_spread = short.unmet.excess[0] > 0 or short.unmet.regions[0] > 0 or short.unmet.zones[0] > 0
        return _no_more_places(short, seen.posed.places) if has_spread else _too_little(short)
    option, node = best
    pool = seen.posed.places.pools[short.offer.pool[option]]
    if pool.external is not None:
        return _Limited(
            pool.name,
            "ServiceFull",
            f"external pool {pool.name} grants {pool.external.tokens_per_second:.0f} tokens/s, all of them in use",
            f"raise external.tokensPerSecond of AcceleratorPool {pool.name}, or add a pool",
        )
    return _full(short, option, node, seen)


def _keeping_out(short: Lacking, seen: _Seen) -> tuple[int, Node | None] | None:
    """Return the option that would help at the least price, in a pool whose next node is not others' first.

    None when no option would help.
    """
    own = short.offer
    price = np.where(own.share > 0, own.price / np.maximum(own.share, 1e-9), own.price)
    second: tuple[int, Node | None] | None = None
    tried = 0
    for option in np.lexsort((np.arange(own.count), price, short.has_room)).tolist():
        if own.is_external[option] and not short.requests_per_second:
            continue
        chips = int(own.chips[option])
        node = seen.node(int(own.pool[option]), int(own.zone[option]))
        places = 1 if node is None else node.places(chips)
        if not short.gains(option, min(places, short.wanted(option), int(short.most[option]))):
            continue
        if node is None or seen.left_by_higher(node, short.need.priority) >= chips:
            return option, node
        second, tried = second or (option, node), tried + 1
        if tried == _TRIED:
            break
    return second


def _full(short: Lacking, option: int, node: Node | None, seen: _Seen) -> _Limited:
    own = short.offer
    pool = seen.posed.places.pools[own.pool[option]]
    if node is None:
        raise ValueError(f"{pool.name}: wanted a pool with nodes, found none")
    places = node.places(int(own.chips[option]))
    nodes = max(1, math.ceil(short.wanted(option) / max(1, places)))
    rent, saved = float(short.rent[option]), seen.saved(node)
    size = f"{own.chips[option]} chip{'s' if own.chips[option] > 1 else ''} a replica"
    full = "no place was found for it" if short.has_room[option] else "every eligible pool is full"
    why = f"{full}; {pool.name} ({pool.accelerator_name}, {size}) keeps it out, where room "
    why += f"for a replica is worth about {rent:,.2f} $/h to others" if rent >= _CENT else "for it would cost least"
    serves = (
        f"{min(short.requests_per_second, places * float(own.requests_per_second[option])):.3g} of these requests/s"
    )
    if not short.requests_per_second:
        serves = f"{min(short.replicas, places)} of these replicas"
    gain = f"one more serves {serves}"
    if _CENT <= saved <= seen.dollars_per_hour:
        gain += f"; serving no more, it would save the plan up to about {saved:,.2f} $/h"
    return _Limited(
        pool.name,
        "FleetFull",
        why,
        f"add {nodes} node{'s' if nodes > 1 else ''} of {node.chips} × {pool.accelerator_name} to {pool.name} ({gain})",
    )


def _too_little(short: Lacking) -> _Limited:
    """Tell of a rest that no replica is started for: it would cost more than the plan may pay for so little."""
    placed = int(short.counts[~short.offer.is_external].sum())
    return _Limited(
        "share",
        "LessThanAReplica",
        f"so little that a replica for it, from {float(short.offer.price.min()):.2f} $/h, costs more than it weighs",
        f"set spec.scaling.minReplicas to {placed + 1} to have it all the same",
    )


def _no_more_places(short: Lacking, places: Places) -> _Limited:
    own, need = short.offer, short.need
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
