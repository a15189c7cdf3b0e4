"""Who may start first in a pool, so that every planned replica finds a node wherever the scheduler puts the others.

The plan packs replicas on nodes; the scheduler is not told, and spreads. With ⌊f_h / s⌋ places for size s on a host
with f_h free chips, a replica of u chips that is bound somewhere takes

    for s ≤ u   at most ⌈u / s⌉ places, and exactly u / s where s divides u
    for s > u   at most one place, and none while it sits in what is left over, f_h mod s

so replicas that start in descending order of size always fit, if sizes divide one another. A smaller one starts beside
larger ones that wait only where the places for these remain in the worst case:

    Σ_waiting of size u ≥ s  ⌈u / s⌉  +  worst loss by released smaller ones  ≤  Σ_h ⌊f_h / s⌋

where the loss is at most one place per smaller replica, and at most what all their chips together can spoil when they
first fill up the hosts with the least left over. Replicas that the plan ties to zones go before others of their size,
and their zones' places are counted apart; larger ones that are free to go anywhere let them go first where they could
take these places, and are not harmed. For sizes that do not divide one another the rows are sufficient, but a plan
may need a host that a larger replica did not leave: then the next plan sees where it sits.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from quartermaster.reconcile.stock import Ground, PlacementId, Stock


@dataclass(frozen=True, slots=True)
class Turn:
    """How many replicas of a placement may hold or seek chips now, and for whom the others wait."""

    replicas: int
    held_back: int = 0
    """Planned replicas that are not to be created yet."""
    behind: PlacementId | None = None
    """A placement with larger replicas, or with replicas tied to zones, that has to be bound before."""
    behind_chips: int = 0


@dataclass(frozen=True, slots=True)
class _Claim:
    """Replicas that are planned and not bound: how many, of what size, and in which zones."""

    id: PlacementId
    chips: int
    count: int
    count_by_zone: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Seeker:
    """Replicas that are let go and may be put anywhere that their zones admit."""

    chips: int
    count: int
    zones: frozenset[str]

    def may_land_in(self, zone: str) -> bool:
        return not zone or not self.zones or zone in self.zones


def turns(
    stocks: Iterable[Stock], ground_by_pool: Mapping[str, Ground], *, lapsed: Collection[PlacementId] = ()
) -> dict[PlacementId, Turn]:
    """Return the turn of every placement that has unbound replicas.

    Args:
        stocks: every placement that is planned or exists.
        ground_by_pool: what can be sat in, by pool.
        lapsed: placements that waited so long for chips that nobody waits for them any more.
    """
    by_pool: dict[str, list[Stock]] = defaultdict(list)
    for stock in stocks:
        by_pool[stock.pool].append(stock)
    found: dict[PlacementId, Turn] = {}
    for pool, members in by_pool.items():
        waiting = [stock for stock in members if stock.unbound]
        if waiting:
            ground = with_leavers_gone(ground_by_pool.get(pool, Ground()), members)
            found.update(_turns(waiting, ground, lapsed))
    return found


def with_leavers_gone(ground: Ground, stocks: Iterable[Stock]) -> Ground:
    """Return the ground once placements that are not planned at all any more have left it."""
    free = dict(ground.free_chips_by_host)
    for stock in stocks:
        if stock.planned == 0:
            for host in stock.hosts:
                if host in free:
                    free[host] += stock.chips_per_replica
    return Ground(free, ground.zone_by_host, ground.is_whole)


def blocked(stocks: Iterable[Stock], ground_by_pool: Mapping[str, Ground]) -> frozenset[PlacementId]:
    """Return the placements whose replicas find no host although nothing is leaving: the plan has to be made anew.

    A Deployment that shrinks chooses by itself which of its pods go; the plan may have hoped for others.
    """
    by_pool: dict[str, list[Stock]] = defaultdict(list)
    for stock in stocks:
        by_pool[stock.pool].append(stock)
    found: set[PlacementId] = set()
    for pool, members in by_pool.items():
        ground = ground_by_pool.get(pool, Ground())
        if ground.is_whole or any(stock.leaving for stock in members):
            continue
        for stock in members:
            size = stock.chips_per_replica
            needed = sum(s.unbound * (s.chips_per_replica // size) for s in members if s.chips_per_replica >= size)
            is_full = needed > sum(chips // size for chips in ground.free_chips_by_host.values())
            # While others start, zones fill and empty in the eyes of one look; a plan for each would start all anew.
            is_last = all(other is stock or not other.unbound for other in members)
            if stock.unbound and (is_full or (is_last and _lacks_zones(stock, ground))):
                found.add(stock.id)
    return frozenset(found)


def _lacks_zones(stock: Stock, ground: Ground) -> bool:
    """Whether the zones that the plan ties the stock to have fewer places than it still needs there."""
    if not stock.zones:
        return False
    places: dict[str, int] = defaultdict(int)
    for host, chips in ground.free_chips_by_host.items():
        places[ground.zone_by_host.get(host, "")] += chips // stock.chips_per_replica
    missing = _missing_by_zone(stock, ground)
    return sum(min(count, places[zone]) for zone, count in missing.items()) < stock.unbound


def _turns(waiting: Sequence[Stock], ground: Ground, lapsed: Collection[PlacementId]) -> dict[PlacementId, Turn]:
    found: dict[PlacementId, Turn] = {}
    line = _Line(ground, [], {})
    sizes = {stock.chips_per_replica for stock in waiting}
    is_alike = ground.is_whole or (len(sizes) == 1 and not any(stock.zones for stock in waiting))
    ordered = sorted(waiting, key=lambda s: (-s.chips_per_replica, not s.zones, s.id))
    for stock in ordered:
        seeker = _Seeker(stock.chips_per_replica, stock.unbound, frozenset(zone for zone, _ in stock.zones))
        behind: _Claim | None = None
        for claim in () if is_alike else line.claims:
            most = seeker.count if claim.id in lapsed else line.most_beside(claim, seeker)
            if most < seeker.count:
                seeker, behind = replace(seeker, count=most), claim
        found[stock.id] = _turn(stock, seeker, behind)
        line.claims.append(_Claim(stock.id, stock.chips_per_replica, stock.unbound, _missing_by_zone(stock, ground)))
        line.seeker_by_id[stock.id] = seeker
    return found if is_alike else found | _behind_tied(ordered, line, lapsed)


def _turn(stock: Stock, seeker: "_Seeker", behind: "_Claim | None") -> Turn:
    return Turn(
        replicas=stock.bound + seeker.count,
        held_back=stock.unbound - seeker.count,
        behind=behind.id if behind else None,
        behind_chips=behind.chips if behind else 0,
    )


def _behind_tied(ordered: Sequence[Stock], line: "_Line", lapsed: Collection[PlacementId]) -> dict[PlacementId, Turn]:
    """Return the turns of larger replicas that have to wait for smaller ones whose zones they could fill.

    Only for those that can all go now: whoever waits for another is waited for by nobody else.
    """
    found: dict[PlacementId, Turn] = {}
    stock_by_id = {stock.id: stock for stock in ordered}
    for claim in line.claims:
        tied = stock_by_id[claim.id]
        if not tied.zones or tied.id in lapsed or line.seeker_by_id[tied.id].count < tied.unbound:
            continue
        for stock in ordered:
            seeker = line.seeker_by_id[stock.id]
            if stock.zones or stock.chips_per_replica <= tied.chips_per_replica or not seeker.count:
                continue
            others = {owner: other for owner, other in line.seeker_by_id.items() if owner != stock.id}
            most = _Line(line.ground, line.claims, others).most_beside(claim, seeker)
            if most < seeker.count:
                line.seeker_by_id[stock.id] = replace(seeker, count=most)
                found[stock.id] = _turn(stock, line.seeker_by_id[stock.id], claim)
    return found


def _missing_by_zone(stock: Stock, ground: Ground) -> dict[str, int]:
    """Return how many replicas may yet be bound in each zone: within the skew, zones may change their parts."""
    most = max((count for _, count in stock.zones), default=0)
    missing = {zone: most for zone, _ in stock.zones}
    for host in stock.hosts:
        zone = ground.zone_by_host.get(host, "")
        if zone in missing:
            missing[zone] -= 1
    return {zone: min(count, stock.unbound) for zone, count in missing.items() if count > 0}


@dataclass(frozen=True, slots=True)
class _Line:
    """Those who wait, in the order of their turns, and the ground that they wait for."""

    ground: Ground
    claims: list[_Claim]
    seeker_by_id: dict[PlacementId, _Seeker]

    def most_beside(self, claim: _Claim, seeker: _Seeker) -> int:
        """Return how many replicas of the seeker can do the claim no harm."""
        zones = [zone for zone in claim.count_by_zone if seeker.may_land_in(zone)]
        for zone in [""] * (claim.chips > seeker.chips) + zones:
            low, high = 0, seeker.count
            while low < high:
                middle = (low + high + 1) // 2
                is_harmless = self._leaves_room(zone, claim.chips, replace(seeker, count=middle))
                low, high = (middle, high) if is_harmless else (low, middle - 1)
            seeker = replace(seeker, count=low)
        return seeker.count

    def _leaves_room(self, zone: str, size: int, seeker: _Seeker) -> bool:
        """Whether places for the size remain as needed in the zone, or anywhere, wherever all that is let go lands."""
        zone_by_host = self.ground.zone_by_host
        free = [
            chips
            for host, chips in self.ground.free_chips_by_host.items()
            if not zone or zone_by_host.get(host, "") == zone
        ]
        needed = sum(
            (claim.count_by_zone.get(zone, 0) if zone else claim.count) * math.ceil(claim.chips / size)
            for claim in self.claims
            if claim.chips >= size
        )
        landing = [other for other in (*self.seeker_by_id.values(), seeker) if other.may_land_in(zone)]
        # Replicas that are not tied to the zone may land there all the same.
        strangers = [o for o in landing if o.chips >= size and zone and (zone not in o.zones or o is seeker)]
        needed += sum(other.count * math.ceil(other.chips / size) for other in strangers)
        smaller = [other for other in landing if other.chips < size]
        return needed + _worst_loss(free, size, smaller) <= sum(chips // size for chips in free)


def _worst_loss(free: Sequence[int], size: int, smaller: Sequence[_Seeker]) -> int:
    """Return the most places for ``size`` that smaller replicas can spoil, wherever each is put."""
    smaller = [seeker for seeker in smaller if seeker.count]
    count = sum(seeker.count for seeker in smaller)
    chips = sum(seeker.count * seeker.chips for seeker in smaller)
    if not count:
        return 0
    step = math.gcd(*(seeker.chips for seeker in smaller))
    step = step if size % step == 0 else 1
    lost = 0
    # The first place of a host is spoiled when what is left over is full, each further one by its own size.
    firsts = sorted((chips_free % size) // step * step + step for chips_free in free if chips_free >= size)
    for first in firsts:
        if chips < first:
            break
        chips -= first
        lost += 1
    return min(count, lost + chips // size)
