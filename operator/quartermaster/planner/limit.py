"""Limits that deployments share: chips on hosts, by size and zone, and the tokens of services. Rows, no choice."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from quartermaster.planner.arrays import Floats, Ints
from quartermaster.planner.fleet import Fleet, Host, Pool, Workload
from quartermaster.planner.offer import ANY_ZONE, Places
from quartermaster.planner.room import Tenants, available, is_whole, places, places_in, seats


@dataclass(frozen=True, slots=True)
class Limit:
    """A row that the options of one pool share: what they take together is at most ``most``.

    In a pool of chips, an option of at least ``chips`` takes its chips; where hosts are taken whole, one of exactly
    ``chips`` takes one host; of a service, an option takes its tokens per second.
    """

    pool: int
    chips: int
    zone: int
    """Only options bound to this zone count; ``ANY_ZONE`` where all do."""
    most: float
    is_whole: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Usage:
    """What options take from limits: one entry for each option and limit, by option."""

    option: Ints
    limit: Ints
    amount: Floats
    start: Ints
    """Where each option's entries begin, and their end."""


def limits_of(
    pool: Pool, index: int, sizes: Sequence[tuple[int, int]], at: Places, *, settled: Tenants | None
) -> list[Limit]:
    """Return the limits of one pool that options of these ``(chips, zone)`` share.

    Where what runs is ``settled``, nothing of it makes room for something larger.
    """
    if pool.external is not None:
        return [Limit(index, 0, ANY_ZONE, pool.external.tokens_per_second)]
    blocked = {} if settled is None else seats(pool, settled)
    found = _of_hosts(pool, pool.hosts, index, {size for size, _ in sizes}, zone=ANY_ZONE, blocked=blocked)
    for zone in sorted({zone for _, zone in sizes} - {ANY_ZONE}):
        hosts = [host for host in pool.hosts if at.zone_index[host.zone] == zone]
        found += _of_hosts(pool, hosts, index, {size for size, z in sizes if z == zone}, zone=zone, blocked=blocked)
    return found


def _of_hosts(
    pool: Pool, hosts: Sequence[Host], index: int, sizes: set[int], *, zone: int, blocked: Mapping[str, list[int]]
) -> list[Limit]:
    if is_whole(pool):
        return [
            Limit(index, size, zone, places_in(hosts, size, chips=available), is_whole=True) for size in sorted(sizes)
        ]
    alike = Counter(host.available_chips for host in hosts)
    found: list[Limit] = []
    least = np.inf
    for size in sorted(sizes):
        room = size * sum(count * (chips // size) for chips, count in alike.items())
        if blocked:
            room = min(room, _settled_room(hosts, size, blocked))
        # A row of larger sizes says something new only where fewer chips are in reach of them.
        if room < least:
            found.append(Limit(index, size, zone, float(room)))
            least = room
    return found


def _settled_room(hosts: Sequence[Host], size: int, blocked: Mapping[str, list[int]]) -> int:
    """Return the chips for replicas of at least ``size`` when no smaller one that runs makes way."""
    room = 0
    for host in hosts:
        sizes = blocked.get(host.name, [])
        room += size * places(host, size, host.available_chips - sum(sizes))
        room += sum(chips for chips in sizes if chips >= size)
    return room


def usage_of(limits: Sequence[Limit], *, pool: Ints, chips: Ints, zone: Ints, tokens_per_second: Floats) -> Usage:
    """Return what options, given by their columns, take from the limits."""
    by_pool = np.argsort(pool, kind="stable")
    starts = np.searchsorted(pool[by_pool], np.arange(int(pool.max(initial=-1)) + 2))
    options: list[Ints] = []
    amounts: list[Floats] = []
    for limit in limits:
        own = by_pool[starts[limit.pool] : starts[limit.pool + 1]] if limit.pool + 1 < starts.size else by_pool[:0]
        if limit.zone != ANY_ZONE:
            own = own[zone[own] == limit.zone]
        if limit.chips == 0:
            options.append(own)
            amounts.append(tokens_per_second[own])
            continue
        own = own[chips[own] == limit.chips] if limit.is_whole else own[chips[own] >= limit.chips]
        options.append(own)
        amounts.append(np.ones(own.size) if limit.is_whole else chips[own].astype(np.float64))
    option = np.concatenate([*options, np.zeros(0, dtype=np.int64)])
    limit_of = np.repeat(np.arange(len(limits)), [own.size for own in options])
    amount = np.concatenate([*amounts, np.zeros(0)])
    order = np.argsort(option, kind="stable")
    option = option[order]
    return Usage(option, limit_of[order], amount[order], np.searchsorted(option, np.arange(pool.size + 1)))


def tenants_of(workloads: Sequence[Workload], fleet: Fleet) -> dict[str, Tenants]:
    """Return what runs in each pool; a shape's key ends with its parallelism."""
    seated: dict[str, list[tuple[str, int]]] = {pool.name: [] for pool in fleet.pools}
    loose: dict[str, Counter[int]] = {pool.name: Counter() for pool in fleet.pools}
    for row in (row for workload in workloads for row in workload.running if row.pool in seated):
        size = chips_of(row.shape_key)
        if row.hosts:
            seated[row.pool] += [(name, size) for name in row.hosts]
        elif size:
            loose[row.pool][size] += row.replicas
    return {name: Tenants(tuple(sorted(rows)), loose[name]) for name, rows in seated.items()}


def chips_of(shape_key: str) -> int:
    """Return the chips of a shape by its key, such as 8 for ``vllm-fp8-tp4-pp2``; 0 for an external one."""
    words = shape_key.split("-")
    chips = 0
    for word in words[-2:]:
        if word.startswith("tp") and word[2:].isdigit():
            chips = int(word[2:])
        elif word.startswith("pp") and word[2:].isdigit():
            chips *= int(word[2:])
    return chips
