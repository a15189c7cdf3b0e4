"""Limits that deployments share: chips on hosts, by size and zone, and the tokens of services. Rows, no choice."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quartermaster.planner.fleet import Fleet, Host, Pool, Workload
from quartermaster.planner.option import Option
from quartermaster.planner.room import Tenants, available, is_whole, places, places_in, seats


@dataclass(frozen=True, slots=True)
class Limit:
    """A row that several options share: the sum of ``(option, amount)`` is at most ``most``."""

    terms: tuple[tuple[int, float], ...]
    most: float
    pool: str


def limits_of(
    options: Sequence[Option], pools: Mapping[str, Pool], tenants: Mapping[str, Tenants], *, settled: frozenset[str]
) -> list[Limit]:
    """Return every shared limit; in the ``settled`` pools nothing that runs makes room for something larger."""
    by_pool: dict[str, list[int]] = defaultdict(list)
    for index, option in enumerate(options):
        by_pool[option.candidate.pool].append(index)
    found: list[Limit] = []
    for name in sorted(by_pool):
        pool, indices = pools[name], by_pool[name]
        if pool.external is not None:
            terms = tuple((i, options[i].candidate.throughput.tokens_per_second) for i in indices)
            found.append(Limit(terms, pool.external.tokens_per_second, name))
            continue
        blocked = seats(pool, tenants[name]) if name in settled else {}
        found += _chip_limits(pool, pool.hosts, [(i, options[i].chips) for i in indices], blocked=blocked)
        for zone in sorted({options[i].zone for i in indices} - {""}):
            hosts = [host for host in pool.hosts if host.zone == zone]
            own = [(i, options[i].chips) for i in indices if options[i].zone == zone]
            found += _chip_limits(pool, hosts, own, blocked=blocked)
    return found


def _chip_limits(
    pool: Pool, hosts: Sequence[Host], sized: Sequence[tuple[int, int]], *, blocked: dict[str, list[int]]
) -> list[Limit]:
    found: list[Limit] = []
    for size in sorted({chips for _, chips in sized}):
        if is_whole(pool):
            terms = tuple((i, 1.0) for i, chips in sized if chips == size)
            found.append(Limit(terms, places_in(hosts, size, chips=available), pool.name))
            continue
        terms = tuple((i, float(chips)) for i, chips in sized if chips >= size)
        found.append(Limit(terms, size * places_in(hosts, size, chips=available), pool.name))
        if blocked:
            found.append(Limit(terms, _settled_room(hosts, size, blocked), pool.name))
    return found


def _settled_room(hosts: Sequence[Host], size: int, blocked: dict[str, list[int]]) -> int:
    """Return the chips for replicas of at least ``size`` when no smaller one that runs makes way."""
    room = 0
    for host in hosts:
        sizes = blocked.get(host.name, [])
        room += size * places(host, size, host.available_chips - sum(sizes))
        room += sum(chips for chips in sizes if chips >= size)
    return room


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
