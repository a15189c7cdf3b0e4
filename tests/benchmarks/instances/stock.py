"""Nodes of pools fitted to drawn demand: where more is wanted more is bought, and nothing stands idle for want of it.

Demand is spread over groups of like pools so that the fullest is as empty as it can be (``balance``); every pool then
gets as many nodes as make each group as full as the fleet, within limits. Demand that two regions must serve comes half
from each half of the regions that could. Which pools there are, what they cost, and which part of
their nodes pods of others hold stay as they were made.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from quartermaster.planner.fleet import Host, Pool
from tests.benchmarks.instances.balance import Group, balance, chips_needed
from tests.benchmarks.instances.deployments import Draft, Spread
from tests.benchmarks.instances.packing import Chips
from tests.benchmarks.instances.services import kind_of

ROUNDS = 4
MOST_GROWTH = 3.0
"""A pool has at most this many times the nodes that it was made with, and no fewer than one part in as many."""


def fit_stock(pools: Sequence[Pool], drafts: Sequence[Draft], *, tightness: float) -> tuple[Pool, ...]:
    """Return the pools with the nodes that the drafts want, about as many in all as there were."""
    available = Chips(pools).available_by_group
    groups = sorted(available)
    made = np.array([max(1, available[group]) for group in groups], dtype=float)
    parts = [half for draft in drafts for half in _halves(draft, groups)]
    capacity, scale = made, 1.0
    for _ in range(ROUNDS):
        needed = chips_needed(parts, groups, scale)
        used = np.nansum(np.where(np.isfinite(needed), needed, 0.0) * balance(needed, capacity), axis=0)
        scale *= tightness * made.sum() / used.sum()
        capacity = np.clip(used * made.sum() / used.sum(), made / MOST_GROWTH, MOST_GROWTH * made)
    factor_by_group = dict(zip(groups, capacity / made, strict=True))
    return tuple(
        pool if pool.external is not None else _with_nodes(pool, factor_by_group[pool.region, kind_of(pool)])
        for pool in pools
    )


def _halves(draft: Draft, groups: Sequence[Group]) -> list[Draft]:
    """Return the draft, or two of half its demand where two regions must serve it."""
    if draft.spread not in {Spread.REGIONS, Spread.SHARE}:
        return [draft]
    kinds = {kind for kind in draft.service.ways_by_kind if kind[0] in draft.accelerators}
    able = sorted({region for region, kind in groups if region in draft.regions and kind in kinds})
    return [replace(draft, regions=own, relative_rate=draft.relative_rate / 2) for own in (able[::2], able[1::2])]


def _with_nodes(pool: Pool, factor: float) -> Pool:
    count = max(1, round(factor * len(pool.hosts)))
    return replace(pool, hosts=tuple(_host(pool, place) for place in range(count)))


def _host(pool: Pool, place: int) -> Host:
    """Return the node of this place: as the pool has it, or like one that it has."""
    return replace(pool.hosts[place % len(pool.hosts)], name=f"{pool.name}-{place:03}")
