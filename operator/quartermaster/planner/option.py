"""Options: candidates as the solver sees them, each with its part of the demand, its price and its most. No choice.

An option is a candidate, in one zone where its deployment, or one that it shares a pool with, is spread over zones: the
rows of a zone are exact only when every replica has one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quartermaster.planner.candidates import EXTERNAL_UNITS
from quartermaster.planner.fleet import Host, Pool, Running, Workload
from quartermaster.planner.plan import Candidate
from quartermaster.planner.room import available, places_in

DEFAULT_MAX_REPLICAS = 1000
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


def is_counted(workload: Workload) -> bool:
    """Whether the number of replicas is set from outside."""
    return workload.demand.replicas is not None


def is_spread(workload: Workload) -> bool:
    """Whether replicas must be spread over zones."""
    return (workload.spec.placement.min_zones or 1) > 1


def options_of(
    workload: Workload, candidates: Sequence[Candidate], pools: dict[str, Pool], *, zoned: frozenset[str]
) -> list[Option]:
    """Return the options of one deployment, by pool and size; ``zoned`` names the pools where zones matter."""
    internal = [c for c in candidates if not c.is_external]
    by_count = is_counted(workload) and bool(internal)
    candidates = internal if by_count else candidates
    wanted = 0.0 if by_count else workload.demand.requests_per_second
    running = {(row.pool, row.shape_key): row for row in workload.running}
    found: list[Option] = []
    for candidate in sorted(candidates, key=lambda c: (c.pool, c.shape.chips, c.shape.key)):
        hosts = pools[candidate.pool].hosts
        zones = sorted({host.zone for host in hosts}) if candidate.pool in zoned and not candidate.is_external else [""]
        if len(zones) == 1 and not is_spread(workload):
            zones = [""]
        for zone in zones:
            here = [host for host in hosts if not zone or host.zone == zone]
            found.append(_option(workload, candidate, here, wanted=wanted, zone=zone, running=running))
    return _undominated(found, is_splitting=_may_split(workload, found, wanted))


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
        is_spread=is_spread(workload),
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
    low, high = counts_of(workload)
    enough = max(low, math.ceil(wanted / candidate.throughput.requests_per_second - 1e-9), 1)
    if workload.spec.placement.max_region_share is not None:
        enough = high
    return min(fitting, high, enough)


def counts_of(workload: Workload) -> tuple[int, int]:
    """Return the fewest and the most replicas."""
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


def _may_split(workload: Workload, options: Sequence[Option], wanted: float) -> bool:
    """Whether several small replicas may stand in for a large one: no count and no share of a region is in the way."""
    if workload.spec.placement.max_region_share is not None or not wanted:
        return False
    slowest = min((o.requests_per_second for o in options if not o.candidate.is_external), default=wanted)
    return counts_of(workload)[1] > math.ceil(wanted / slowest)


def _undominated(options: Sequence[Option], *, is_splitting: bool) -> list[Option]:
    by_place: dict[tuple[str, str], list[Option]] = {}
    for option in options:
        by_place.setdefault((option.candidate.pool, option.zone), []).append(option)
    return [
        option
        for option in options
        if not any(
            _dominates(other, option, is_splitting=is_splitting)
            for other in by_place[option.candidate.pool, option.zone]
        )
    ]


def _dominates(better: Option, worse: Option, *, is_splitting: bool) -> bool:
    """Whether replicas of one option serve as much as one of the other on the same chips, for no more.

    What runs is never dominated.
    """
    if worse.running or better is worse or not worse.chips or not better.chips or worse.chips % better.chips:
        return False
    times = worse.chips // better.chips
    if times == 1 and better.most < worse.most:
        return False
    if times > 1 and not is_splitting:
        return False
    left = (-times * better.requests_per_second, times * (better.price + better.change_price))
    right = (-worse.requests_per_second, worse.price + worse.change_price)
    if left[0] > right[0] or left[1] > right[1] * (1 + _EPSILON):
        return False
    return left != right or (better.chips, better.candidate.shape.key) < (worse.chips, worse.candidate.shape.key)


_EPSILON = 1e-12
