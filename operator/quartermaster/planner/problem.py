"""The joint problem as numbers: options, needs and the limits that they share. Made once per plan; no solver here.

An option is a candidate, in one zone where its deployment, or one that it shares a pool with, is spread over zones: the
rows of a zone are exact only when every replica has one. Whatever concerns one deployment alone
is in its need; what several share is a limit. Everything is ordered by name, so equal fleets give equal problems.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from quartermaster.planner.fleet import Fleet, Host, Key, Pool, Running, Workload
from quartermaster.planner.plan import Candidate
from quartermaster.planner.room import available, is_whole, places, places_in, seats

DEFAULT_MAX_REPLICAS = 1000
EXTERNAL_UNITS = 10
PREFERENCE_AT_FULL_WEIGHT = 0.25
"""A region preferred with weight 100 is chosen while it costs at most a quarter more than another."""
CHANGE_SECONDS = 300.0
"""Starting a replica, and stopping one that is warm, each cost five minutes of its price: it loads and drains unused.
So a move costs ten minutes ..."""
CHANGE_HORIZON_SECONDS = 3600.0
"""... and has to earn them back within an hour."""
EXTERNAL_CHANGE_FRACTION = 1e-3
"""A share of a service moves for next to nothing, but not for nothing at all."""
SHAPE_ORDER_FRACTION = 1e-6
"""An explicit shape costs this much more than the one before it: order breaks ties, and nothing else."""


@dataclass(frozen=True, slots=True)
class Option:
    """A candidate as the solver sees it."""

    candidate: Candidate
    zone: str
    """Empty where zones do not matter."""
    is_spread: bool
    """Whether the deployment itself is spread over zones."""
    requests_per_second: float
    share: float
    """Part of the demand that one replica serves, at most 1; 0 where there is no rate to serve."""
    price: float
    """Dollars per hour with preferences priced in."""
    change_price: float
    """Dollars per hour for each replica more or less than run."""
    running: int
    """Replicas that run as this option; as any zone of its candidate where nobody knows in which zone they sit."""
    most: int
    """No plan needs more replicas."""
    is_seated: bool = False
    """Whether it is known in which zone each of its candidate's replicas sits."""

    @property
    def change(self) -> tuple[object, ...]:
        """What is counted together when changes are: replicas of a zone where that is known, else of the candidate."""
        return (*self.candidate.id, self.zone) if self.is_seated else self.candidate.id

    @property
    def chips(self) -> int:
        """Chips of one replica; 0 for an external service."""
        return self.candidate.shape.chips


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
class Limit:
    """A row that several options share: the sum of ``(option, amount)`` is at most ``most``."""

    terms: tuple[tuple[int, float], ...]
    most: float
    pool: str


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
    zoned = frozenset(c.pool for w in workloads if _is_spread(w) for c in by_workload[w.key])
    options: list[Option] = []
    needs: list[Need] = []
    for workload in sorted(workloads, key=lambda w: w.key):
        own = _options(workload, by_workload[workload.key], pools, zoned=zoned)
        if own:
            places_of_own = tuple(range(len(options), len(options) + len(own)))
            needs.append(_need(workload, own, places_of_own))
            options += own
    limits = _limits(options, pools, running_sizes(workloads, fleet), settled=frozenset(settled))
    return Problem(tuple(options), tuple(needs), tuple(limits))


def is_counted(workload: Workload) -> bool:
    """Whether the number of replicas is set from outside."""
    return workload.demand.replicas is not None


def _is_spread(workload: Workload) -> bool:
    return (workload.spec.placement.min_zones or 1) > 1


def _options(
    workload: Workload, candidates: Sequence[Candidate], pools: dict[str, Pool], *, zoned: frozenset[str]
) -> list[Option]:
    internal = [c for c in candidates if not c.is_external]
    by_count = is_counted(workload) and bool(internal)
    candidates = internal if by_count else candidates
    wanted = 0.0 if by_count else workload.demand.requests_per_second
    running = {(row.pool, row.shape_key): row for row in workload.running}
    found: list[Option] = []
    for candidate in sorted(candidates, key=lambda c: (c.pool, c.shape.chips, c.shape.key)):
        hosts = pools[candidate.pool].hosts
        zones = sorted({host.zone for host in hosts}) if candidate.pool in zoned and not candidate.is_external else [""]
        if len(zones) == 1 and not _is_spread(workload):
            zones = [""]
        for zone in zones:
            here = [host for host in hosts if not zone or host.zone == zone]
            found.append(_option(workload, candidate, here, wanted=wanted, zone=zone, running=running))
    return [option for option in found if not any(_dominates(other, option) for other in found)]


def _option(
    workload: Workload,
    candidate: Candidate,
    hosts: Sequence[Host],
    *,
    wanted: float,
    zone: str,
    running: Mapping[tuple[str, str], Running],
) -> Option:
    runs = running.get((candidate.pool, candidate.shape.key))
    is_seated = bool(zone) and runs is not None and len(runs.hosts) == runs.replicas
    names = {host.name for host in hosts}
    rate = candidate.throughput.requests_per_second
    price = candidate.dollars_per_hour * _preference(workload, candidate) * (1 + _place_in_order(workload, candidate))
    change = EXTERNAL_CHANGE_FRACTION if candidate.is_external else CHANGE_SECONDS / CHANGE_HORIZON_SECONDS
    return Option(
        candidate=candidate,
        zone=zone,
        is_spread=_is_spread(workload),
        requests_per_second=rate,
        share=min(1.0, rate / wanted) if wanted > 0 else 0.0,
        price=price,
        change_price=candidate.dollars_per_hour * change if workload.running else 0.0,
        running=0 if runs is None else sum(h in names for h in runs.hosts) if is_seated else runs.replicas,
        most=_most(workload, candidate, hosts, wanted=wanted),
        is_seated=is_seated,
    )


def _most(workload: Workload, candidate: Candidate, hosts: Sequence[Host], *, wanted: float) -> int:
    if candidate.is_external:
        return EXTERNAL_UNITS if wanted > 0 else 0
    fitting = places_in(hosts, candidate.shape.chips, chips=available)
    low, high = _counts(workload)
    enough = max(low, math.ceil(wanted / candidate.throughput.requests_per_second - 1e-9), 1)
    if workload.spec.placement.max_region_share is not None:
        enough = high
    return min(fitting, high, enough)


def _counts(workload: Workload) -> tuple[int, int]:
    if workload.demand.replicas is not None:
        return workload.demand.replicas, workload.demand.replicas
    scaling = workload.spec.scaling
    most = DEFAULT_MAX_REPLICAS if scaling.max_replicas is None else scaling.max_replicas
    return min(scaling.min_replicas, most), most


def _preference(workload: Workload, candidate: Candidate) -> float:
    weights = {region.name: region.weight for region in workload.spec.placement.regions.preferred}
    return 1 / (1 + PREFERENCE_AT_FULL_WEIGHT * weights.get(candidate.region, 0) / 100)


def _place_in_order(workload: Workload, candidate: Candidate) -> float:
    names = [shape.name for shape in workload.spec.serving.shapes]
    return SHAPE_ORDER_FRACTION * names.index(candidate.shape.name) if candidate.shape.name in names else 0.0


def _dominates(better: Option, worse: Option) -> bool:
    """Whether one option serves at least as much for no more, in the same place; what runs is never dominated."""
    if worse.running or better is worse or (better.candidate.pool, better.zone) != (worse.candidate.pool, worse.zone):
        return False
    if better.chips != worse.chips or better.most < worse.most:
        return False
    left = (-better.requests_per_second, better.price + better.change_price)
    right = (-worse.requests_per_second, worse.price + worse.change_price)
    if left[0] > right[0] or left[1] > right[1]:
        return False
    return left != right or better.candidate.shape.key < worse.candidate.shape.key


def _need(workload: Workload, own: Sequence[Option], indices: tuple[int, ...]) -> Need:
    spec = workload.spec
    low, high = _counts(workload)
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


def running_sizes(workloads: Sequence[Workload], fleet: Fleet) -> dict[str, Counter[int]]:
    """Return how many replicas of each size run, by pool; a shape's key ends with its parallelism."""
    found: dict[str, Counter[int]] = {pool.name: Counter() for pool in fleet.pools}
    for workload in workloads:
        for row in workload.running:
            if row.pool in found:
                found[row.pool][chips_of(row.shape_key)] += row.replicas
    return found


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


def _limits(
    options: Sequence[Option], pools: dict[str, Pool], running: dict[str, Counter[int]], *, settled: frozenset[str]
) -> list[Limit]:
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
        blocked = seats(pool, running[name]) if name in settled else {}
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
