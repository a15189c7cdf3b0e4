"""Limits that deployments share: chips on hosts, by size and zone, and the tokens of services. Rows, no choice."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from quartermaster.planner.fleet import Fleet, Host, Pool, Workload
from quartermaster.planner.numerics.arrays import Bools, Floats, Ints, spans
from quartermaster.planner.posing.offer import ANY_ZONE, Places
from quartermaster.planner.room import Owner, Tenants, available, is_whole, places_in

AT_ONCE = 100_000
"""Options that are looked at together: each is first paired with all limits of its pool, which takes much room."""


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

    def entries(self, options: Ints) -> tuple[Ints, Ints]:
        """Return the entries of some options, one option after another, and the place of the option each is of."""
        owner, at = spans(self.start[options], self.start[options + 1] - self.start[options])
        return owner, at


def limits_of(
    pool: Pool,
    index: int,
    sizes: Iterable[tuple[int, int]],
    at: Places,
    *,
    kept: Collection[tuple[int, int]] = (),
) -> list[Limit]:
    """Return the limits of one pool that options of these ``(chips, zone)`` share.

    Limits of ``kept`` chips and zones are there even where they say nothing new.
    """
    if pool.external is not None:
        return [Limit(index, 0, ANY_ZONE, pool.external.tokens_per_second)]
    wanted = {*sizes, *kept}
    found: list[Limit] = []
    for zone in sorted({ANY_ZONE, *(zone for _, zone in wanted)}):
        hosts = pool.hosts if zone == ANY_ZONE else [h for h in pool.hosts if at.zone_index[h.zone] == zone]
        own = {size for size, z in wanted if zone in {z, ANY_ZONE}}
        found += _of_hosts(pool, hosts, _Rows(index, zone, own, {size for size, z in kept if z == zone}))
    return found


@dataclass(frozen=True, slots=True)
class _Rows:
    """Limits to be made for one pool and zone."""

    pool: int
    zone: int
    sizes: set[int]
    kept: set[int]


def _of_hosts(pool: Pool, hosts: Sequence[Host], rows: _Rows) -> list[Limit]:
    if is_whole(pool):
        return [
            Limit(rows.pool, size, rows.zone, places_in(hosts, size, chips=available), is_whole=True)
            for size in sorted(rows.sizes)
        ]
    alike = Counter([host.available_chips for host in hosts])
    found: list[Limit] = []
    least = np.inf
    for size in sorted(rows.sizes):
        room = size * sum(count * (chips // size) for chips, count in alike.items())
        # A row of larger sizes says something new only where fewer chips are in reach of them.
        if room < least or size in rows.kept:
            found.append(Limit(rows.pool, size, rows.zone, float(room)))
            least = min(least, room)
    return found


def usage_of(limits: Sequence[Limit], *, pool: Ints, chips: Ints, zone: Ints, tokens_per_second: Floats) -> Usage:
    """Return what options, given by their columns, take from the limits."""
    rows, among = Rows.of(limits), np.arange(len(limits))
    entries: list[Entries] = []
    for first in range(0, pool.size, AT_ONCE):
        own = slice(first, first + AT_ONCE)
        option, limit, amount = entries_of(
            rows, among, pool=pool[own], chips=chips[own], zone=zone[own], tokens_per_second=tokens_per_second[own]
        )
        entries.append((option + first, limit, amount))
    return usage_from(entries, pool.size)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Limits as arrays."""

    pool: Ints
    chips: Ints
    zone: Ints
    is_whole: Bools

    @classmethod
    def of(cls, limits: Sequence[Limit]) -> "Rows":
        """Return the limits as arrays."""
        rows = np.array([(limit.pool, limit.chips, limit.zone, limit.is_whole) for limit in limits], dtype=np.int64)
        pool, chips, zone, whole = rows.reshape(-1, 4).T
        return cls(pool, chips, zone, whole.astype(np.bool_))


Entries = tuple[Ints, Ints, Floats]
"""Option, limit and amount."""


def entries_of(rows: Rows, among: Ints, *, pool: Ints, chips: Ints, zone: Ints, tokens_per_second: Floats) -> Entries:
    """Return what options, given by their columns, take from some of the limits; by option, then by limit."""
    among = among[np.argsort(rows.pool[among], kind="stable")]
    first = np.searchsorted(rows.pool[among], pool)
    last = np.searchsorted(rows.pool[among], pool, side="right")
    option, at = spans(first, last - first)
    limit = among[at]
    size, own = rows.chips[limit], chips[option]
    whole = rows.is_whole[limit]
    counts = (rows.zone[limit] == ANY_ZONE) | (rows.zone[limit] == zone[option])
    counts &= (size == 0) | np.where(whole, own == size, own >= size)
    option, limit, whole = option[counts], limit[counts], whole[counts]
    amount = np.where(rows.chips[limit] == 0, tokens_per_second[option], np.where(whole, 1.0, chips[option]))
    return option, limit, amount


def usage_from(entries: Sequence[Entries], count: int) -> Usage:
    """Return the usage of ``count`` options."""
    option = np.concatenate([np.zeros(0, dtype=np.int64), *(entry[0] for entry in entries)])
    limit = np.concatenate([np.zeros(0, dtype=np.int64), *(entry[1] for entry in entries)])
    amount = np.concatenate([np.zeros(0), *(entry[2] for entry in entries)])
    if (option[1:] < option[:-1]).any():
        order = np.argsort(option, kind="stable")
        option, limit, amount = option[order], limit[order], amount[order]
    start = np.concatenate([[0], np.cumsum(np.bincount(option, minlength=count))])
    return Usage(option, limit, amount, start)


def tenants_of(workloads: Sequence[Workload], fleet: Fleet) -> dict[str, Tenants]:
    """Return what runs in each pool; a shape's key ends with its parallelism."""
    return tenants_after({pool.name: Tenants() for pool in fleet.pools}, (), workloads)


def tenants_after(
    before: Mapping[str, Tenants], gone: Iterable[Workload], come: Iterable[Workload]
) -> dict[str, Tenants]:
    """Return what runs in each pool when some workloads are no longer there, or no longer so, and others are."""
    seated: dict[str, list[tuple[str, Owner]]] = {}
    loose: dict[str, Counter[Owner]] = {}
    for workloads, sign in ((gone, -1), (come, 1)):
        for workload, row in ((one, row) for one in workloads for row in one.running):
            if row.pool not in before:
                continue
            if row.pool not in seated:
                seated[row.pool] = list(before[row.pool].seated)
                loose[row.pool] = Counter(before[row.pool].loose)
            owner = Owner(workload.key, row.shape_key, chips_of(row.shape_key), row.zone)
            if row.hosts and sign > 0:
                seated[row.pool] += [(name, owner) for name in row.hosts]
            elif row.hosts:
                for name in row.hosts:
                    seated[row.pool].remove((name, owner))
            elif owner.chips:
                loose[row.pool][owner] += sign * row.replicas
    found = dict(before)
    for name, rows in seated.items():
        found[name] = Tenants(tuple(sorted(rows)), +loose[name])
    return found


def chips_of(shape_key: str) -> int:
    """Return the chips of a shape by its key, such as 8 for ``vllm-fp8-tp4-pp2``; 0 for an external one."""
    chips = 1
    for word in reversed(shape_key.split("-")):
        kind, count = word[:2], word[2:]
        if kind in {"tp", "pp", "dp"} and count.isdigit():
            chips *= int(count)
        if kind == "tp" and count.isdigit():
            return chips
    return 0
