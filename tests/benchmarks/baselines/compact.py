"""The joint problem as one compact mixed-integer program in HiGHS: the baseline that any solver offers.

    min  Σ price_i n_i + Σ change_i |n_i − running_i| + Σ penalty_w u_w
    s.t. Σ min(T_i / d_w, 1) n_i + u_w ≥ 1                  the demand of every deployment
         min_w ≤ Σ n_i ≤ max_w, Σ dollars_i n_i ≤ budget_w
         y_r ≤ Σ_(i in r) n_i, Σ y_r ≥ minRegions           likewise zones
         Σ_(i in r) T_i n_i ≤ share_w Σ T_i n_i
         Σ_(chips ≥ s) chips_i n_i ≤ s Σ_h ⌊available_h / s⌋  for every pool (and zone) and size s

The last rows are exact for sizes that divide one another. With ``by_host`` every variable is a replica on one host and
the rows are those of hosts: exact for any sizes, and small enough only for small fleets. Preferences have no part in
it. ``u`` is there in the soft form alone.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from quartermaster.planner.fleet import Host, Place, Pool, Workload
from quartermaster.planner.plan import Candidate, Placement
from tests.benchmarks.baselines.milp import INFINITY, Rows, minimise
from tests.benchmarks.baselines.offer import DEFAULT_MAX_REPLICAS, CandidateId, Offer, Result, most_replicas, result

CHANGE_FRACTION = 300 / 3600
"""Starting a replica and stopping one cost five minutes of its price each, earned back within an hour."""
EXTERNAL_CHANGE_FRACTION = 1e-3
PENALTY = 100.0
"""Dollars for each dollar that serving the unserved would cost at the cheapest; more by priority."""

Terms = list[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Spot:
    """One variable: replicas of a candidate in a part of its pool."""

    candidate: Candidate
    zone: str
    """Empty where the whole pool is meant."""
    host: str = ""


class Program:
    """The compact program of an offer."""

    def __init__(
        self,
        offered: Offer,
        *,
        is_soft: bool,
        by_host: bool = False,
        most: Mapping[CandidateId, int] | None = None,
    ) -> None:
        """Write down the rows.

        Args:
            offered: what to choose from.
            is_soft: whether demand may go unserved, at a price.
            by_host: one variable for each host, and rows of hosts.
            most: replicas by candidate instead of rows of pools, for a deployment that is planned alone.
        """
        self.offered, self.is_soft, self.by_host = offered, is_soft, by_host
        self.rows = Rows()
        self.spots: dict[int, Spot] = {}
        """What each variable that counts replicas stands for."""
        self._most = most
        self._pools = offered.pool_by_name
        self._zoned = frozenset(
            candidate.pool
            for workload in offered.workloads
            if (workload.spec.placement.min_zones or 1) > 1
            for candidate in offered.candidates_by_key.get(workload.key, ())
        )
        own = [(workload, self._spots_of(workload)) for workload in offered.workloads]
        for workload, places in own:
            if places:
                self._need(workload, places)
        if most is None:
            self._stock()

    def _spots_of(self, workload: Workload) -> list[int]:
        found = []
        own = self.offered.candidates_by_key.get(workload.key, ())
        if workload.demand.replicas is not None:
            # A count is one of replicas; a service has none.
            own = tuple(c for c in own if not c.is_external) or own
        for candidate in own:
            pool = self._pools[candidate.pool]
            for zone, host, most in self._parts(pool, candidate):
                most_here = min(most, most_replicas(workload, candidate))
                if self._most is not None:
                    most_here = min(most_here, self._most[candidate.id])
                variable = self.rows.variable(candidate.dollars_per_hour, float(most_here), is_integer=True)
                self.spots[variable] = Spot(candidate, zone, host)
                found.append(variable)
        return found

    def _parts(self, pool: Pool, candidate: Candidate) -> list[tuple[str, str, int]]:
        """Return zone, host and the most replicas of each variable of a candidate."""
        if pool.external is not None:
            return [("", "", most_external(pool, candidate))]
        if self.by_host:
            return [(host.zone, host.name, places(host, candidate.shape.chips)) for host in pool.hosts]
        if pool.name not in self._zoned:
            return [("", "", sum(places(host, candidate.shape.chips) for host in pool.hosts))]
        zones = sorted({host.zone for host in pool.hosts})
        return [(z, "", sum(places(h, candidate.shape.chips) for h in pool.hosts if h.zone == z)) for z in zones]

    def _need(self, workload: Workload, own: list[int]) -> None:
        spec, wanted = workload.spec, workload.demand.requests_per_second
        rates = {i: self.spots[i].candidate.throughput.requests_per_second for i in own}
        inside = [i for i in own if not self.spots[i].candidate.is_external]
        counted = workload.demand.replicas if inside else None
        if counted is not None:
            wanted = 0.0
        short: Terms = []
        if self.is_soft:
            weight = min(self.rows.cost[i] * max(1.0, wanted / max(rates[i], 1e-12)) for i in own)
            short = [(self.rows.variable(PENALTY * weight * (1 + (spec.priority or 0)), 1.0), 1.0)]
        if wanted > 0:
            self.rows.row([*((i, min(1.0, rates[i] / wanted)) for i in own), *short], low=1.0)
        most = most_replicas(workload, self.spots[inside[0]].candidate) if inside else 0
        fewest = 0 if self.is_soft else min(most, spec.scaling.min_replicas)
        if counted is not None:
            fewest, most = (0 if self.is_soft else counted), counted
        self.rows.row([(i, 1.0) for i in inside], low=float(fewest) if inside else 0.0, high=float(most))
        if spec.budget is not None:
            budget = float(spec.budget.max_dollars_per_hour)
            self.rows.row([(i, self.spots[i].candidate.dollars_per_hour) for i in own], high=budget)
        for places_wanted, is_zone in ((spec.placement.min_regions or 1, False), (spec.placement.min_zones or 1, True)):
            if places_wanted > 1 and not (self.is_soft and self._most is not None):
                self._presence(inside, places_wanted, is_zone=is_zone)
        if spec.placement.max_region_share is not None:
            self._share(own, rates, float(spec.placement.max_region_share))
        if workload.running:
            self._changes(workload, own)

    def _presence(self, inside: list[int], wanted: int, *, is_zone: bool) -> None:
        groups: dict[str, list[int]] = defaultdict(list)
        for i in inside:
            groups[self.spots[i].zone if is_zone else self.spots[i].candidate.region].append(i)
        present = []
        for members in groups.values():
            there = self.rows.variable(0.0, 1.0, is_integer=True)
            self.rows.row([(there, -1.0), *((i, 1.0) for i in members)], low=0.0)
            present.append((there, 1.0))
        slack = [(self.rows.variable(1e6, float(wanted)), 1.0)] if self.is_soft else []
        self.rows.row([*present, *slack], low=float(wanted))

    def _share(self, own: list[int], rates: Mapping[int, float], share: float) -> None:
        groups: dict[str, list[int]] = defaultdict(list)
        for i in own:
            groups[self.spots[i].candidate.region].append(i)
        scale = max(rates.values())
        for members in groups.values():
            inside = set(members)
            slack = [(self.rows.variable(1e6, INFINITY), -1.0)] if self.is_soft else []
            self.rows.row([*((i, rates[i] / scale * ((i in inside) - share)) for i in own), *slack], high=0.0)

    def _changes(self, workload: Workload, own: list[int]) -> None:
        """Price every replica more or less than runs; of those that are spread over zones, zone by zone."""
        row_by_place = {row.place: row for row in workload.running}
        is_spread = (workload.spec.placement.min_zones or 1) > 1
        groups: dict[Place, list[int]] = defaultdict(list)
        for i in own:
            spot = self.spots[i]
            groups[Place(spot.candidate.pool, spot.candidate.shape.key, spot.zone if is_spread else "")].append(i)
        for place, members in groups.items():
            candidate, row = self.spots[members[0]].candidate, row_by_place.get(place)
            known = {host.name for host in self._pools[candidate.pool].hosts}
            seats = [name for name in row.hosts if name in known] if row else []
            before = float(row.replicas) if row else 0.0
            fraction = EXTERNAL_CHANGE_FRACTION if candidate.is_external else CHANGE_FRACTION
            changed = self.rows.variable(candidate.dollars_per_hour * fraction, INFINITY)
            self.rows.row([(changed, 1.0), *((i, -1.0) for i in members)], low=-before)
            self.rows.row([(changed, 1.0), *((i, 1.0) for i in members)], low=before)
            if self.by_host and seats:
                self._stay(members, seats)

    def _stay(self, members: list[int], hosts: list[str]) -> None:
        """Keep what runs on its hosts as long as there are that many replicas: pods do not wander."""
        has_more = self.rows.variable(0.0, 1.0, is_integer=True)
        kept = []
        for i in members:
            stays = self.rows.variable(0.0, float(hosts.count(self.spots[i].host)), is_integer=True)
            self.rows.row([(i, 1.0), (stays, -1.0)], low=0.0)
            kept.append((stays, 1.0))
        self.rows.row([*kept, (has_more, -float(len(hosts)))], low=0.0)
        new = [*((i, 1.0) for i in members), *((stays, -1.0) for stays, _ in kept)]
        self.rows.row([*new, (has_more, -float(DEFAULT_MAX_REPLICAS))], high=0.0)

    def fix(self, counts: Mapping[CandidateId, int]) -> None:
        """Demand these counts, and no others: what is left to find is a host for each."""
        groups: dict[CandidateId, list[int]] = defaultdict(list)
        for i, spot in self.spots.items():
            groups[spot.candidate.id].append(i)
        for identity, members in groups.items():
            count = float(counts.get(identity, 0))
            self.rows.row([(i, 1.0) for i in members], low=count, high=count)

    def realise(self, placements: Iterable[Placement]) -> None:
        """Demand these replicas, in their zones where they are bound to one, and no others."""
        counts: Counter[CandidateId] = Counter()
        for placement in placements:
            counts[placement.candidate.id] += placement.replicas
            here = [
                i
                for i, spot in self.spots.items()
                if spot.candidate.id == placement.candidate.id and spot.zone == placement.zone
            ]
            if placement.zone:
                self.rows.row([(i, 1.0) for i in here], low=placement.replicas, high=placement.replicas)
        self.fix(counts)

    def _stock(self) -> None:
        by_pool: dict[str, list[int]] = defaultdict(list)
        for i, spot in self.spots.items():
            by_pool[spot.candidate.pool].append(i)
        for name, own in sorted(by_pool.items()):
            pool = self._pools[name]
            if pool.external is not None:
                terms = [(i, self.spots[i].candidate.throughput.tokens_per_second) for i in own]
                self.rows.row(terms, high=pool.external.tokens_per_second)
            elif self.by_host:
                for host in pool.hosts:
                    here = [
                        (i, float(self.spots[i].candidate.shape.chips)) for i in own if self.spots[i].host == host.name
                    ]
                    self.rows.row(here, high=float(host.available_chips))
            else:
                self._chain(pool.hosts, own)
                for zone in sorted({self.spots[i].zone for i in own} - {""}):
                    self._chain(
                        [h for h in pool.hosts if h.zone == zone], [i for i in own if self.spots[i].zone == zone]
                    )

    def _chain(self, hosts: Iterable[Host], own: list[int]) -> None:
        hosts = list(hosts)
        chips = {i: self.spots[i].candidate.shape.chips for i in own}
        for size in sorted(set(chips.values())):
            terms = [(i, float(chips[i])) for i in own if chips[i] >= size]
            self.rows.row(terms, high=float(size * sum(places(host, size) for host in hosts)))


def places(host: Host, chips: int) -> int:
    """Return how many replicas of this many chips the host holds, beside the pods of others."""
    if host.is_whole:
        return int(host.chips == chips == host.available_chips)
    return host.available_chips // chips


def most_external(pool: Pool, candidate: Candidate) -> int:
    """Return how many tenths of a demand the service could take."""
    if pool.external is None or candidate.throughput.tokens_per_second <= 0:
        return 0
    return int(pool.external.tokens_per_second / candidate.throughput.tokens_per_second + 1e-9)


@dataclass(frozen=True, slots=True)
class Solved:
    """What HiGHS found."""

    counts: Mapping[CandidateId, int] = field(hash=False)
    objective: float
    bound: float
    is_optimal: bool
    has_solution: bool


def run(program: Program, *, seconds: float, gap_fraction: float) -> Solved:
    """Solve the program within the time; wall-clock seconds of one thread."""
    found = minimise(program.rows, seconds=seconds, gap_fraction=gap_fraction)
    has_solution = bool(found.values) or not program.rows.cost
    counts: dict[CandidateId, int] = defaultdict(int)
    for variable, spot in program.spots.items():
        count = round(found.values[variable]) if found.values else 0
        if count:
            counts[spot.candidate.id] += count
    return Solved(dict(counts), found.objective, found.bound, found.is_optimal, has_solution)


def solve(program: Program, *, seconds: float, gap_fraction: float) -> Mapping[CandidateId, int]:
    """Return the counts that HiGHS found; none where it found nothing."""
    return run(program, seconds=seconds, gap_fraction=gap_fraction).counts


def compact(offered: Offer, *, seconds: float) -> Result:
    """Return what the compact program comes to within the time."""
    began = time.process_time()
    solved = run(Program(offered, is_soft=True), seconds=seconds, gap_fraction=1e-4)
    return result(offered, solved.counts, seconds=time.process_time() - began, bound=solved.bound)
