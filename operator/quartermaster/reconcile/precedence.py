"""Who may start first in a pool, so that every planned replica finds a node wherever the scheduler puts the others.

The plan packs replicas on nodes; the scheduler is not told, and spreads. Replicas that start in descending order of
size always fit, if sizes divide one another; a smaller one starts beside larger ones that wait only where the places
for these remain in the worst case (``row``). Replicas that are bound to a zone go before others of their size, and
the zone's places are counted apart, so that larger ones that are free to go anywhere wait for them as well. Where all
would wait for one another, larger ones wait only for those that are let go; then the largest is free, and goes.

What is let go stays let go: replicas that exist and seek a node are counted before others are let go beside them, and
a row that holds goes on holding whoever of them is bound, and wherever. They are called back only where a row breaks
that held: by another plan, by less ground, or for a placement that had waited too long and is waited for again.

Two things the rows do not see, so that the next plan has to: sizes that do not divide one another, where a plan may
need a host that a larger replica did not leave; and replicas that are free to go anywhere, but for whom no place is
left outside the zones that smaller ones are bound to.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from quartermaster.planner.fleet import may_meet
from quartermaster.planner.plan import PlacementId
from quartermaster.reconcile.row import Claim, Row, rows
from quartermaster.reconcile.stock import Ground, Stock


@dataclass(frozen=True, slots=True)
class Turn:
    """How many replicas of a placement may hold or seek chips now, and for whom the others wait."""

    replicas: int
    held_back: int = 0
    """Planned replicas that are not to be created yet."""
    behind: PlacementId | None = None
    """A placement with larger replicas, or with replicas bound to a zone, that has to be bound before."""
    behind_chips: int = 0


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
            # While others start, a zone fills and empties from look to look; a plan for each would start all anew.
            is_last = all(
                other is stock or not other.unbound or not may_meet(other.zone, stock.zone) for other in members
            )
            if stock.unbound and (is_full or (is_last and _lacks_zone(stock, ground))):
                found.add(stock.id)
    return frozenset(found)


def _lacks_zone(stock: Stock, ground: Ground) -> bool:
    """Whether the zone that the stock is bound to has fewer places than it still needs there."""
    places = sum(
        chips // stock.chips_per_replica
        for host, chips in ground.free_chips_by_host.items()
        if ground.zone_by_host.get(host, "") == stock.zone
    )
    return bool(stock.zone) and places < stock.unbound


def _turns(waiting: Sequence[Stock], ground: Ground, lapsed: Collection[PlacementId]) -> dict[PlacementId, Turn]:
    ordered = sorted(waiting, key=lambda s: (not s.zone, -s.chips_per_replica, s.id))
    line = _Line([Claim(stock.id, stock.chips_per_replica, stock.unbound) for stock in ordered], ground, lapsed)
    for stock, claim in zip(ordered, line.claims, strict=True):
        line.let_go(claim, stock.seeking)
    for claim in line.claims:
        line.let_go(claim, claim.count, is_for_all=True)
    if line.is_stuck:
        for claim in line.claims:
            line.let_go(claim, claim.count)
    return {stock.id: line.turn_of(stock) for stock in waiting}


class _Line:
    """Those who wait, those bound to zones first and larger ones first, and how many of each are let go."""

    def __init__(self, claims: Sequence[Claim], ground: Ground, lapsed: Collection[PlacementId]) -> None:
        self.claims = claims
        self._rows = () if ground.is_whole else rows(claims, ground, lapsed=lapsed)
        self._count_by_id = {claim.id: 0 for claim in claims}
        self._behind_by_id: dict[PlacementId, Claim] = {}

    @property
    def is_stuck(self) -> bool:
        """Whether all wait."""
        return not any(self._count_by_id.values())

    def let_go(self, claim: Claim, most: int, *, is_for_all: bool = False) -> None:
        """Let go as many replicas, up to ``most``, as break no row; none of those that are let go is called back.

        Args:
            claim: whose replicas.
            most: how many of them are to seek a node.
            is_for_all: whether larger ones wait for smaller ones that wait themselves.
        """
        for row in self._rows:
            if row.concerns(claim):
                count = self._most_within(row, claim, most, is_for_all=is_for_all)
                if count < most:
                    most = count
                    self._behind_by_id[claim.id] = row.rival_of(claim, self._count_by_id)
        self._count_by_id[claim.id] = most

    def turn_of(self, stock: Stock) -> Turn:
        """Return the turn of one who waits."""
        count = self._count_by_id[stock.id]
        behind = self._behind_by_id.get(stock.id) if count < stock.unbound else None
        return Turn(
            replicas=stock.bound + count,
            held_back=stock.unbound - count,
            behind=behind.id if behind else None,
            behind_chips=behind.chips if behind else 0,
        )

    def _most_within(self, row: Row, claim: Claim, most: int, *, is_for_all: bool) -> int:
        low, high = self._count_by_id[claim.id], most
        middle = high
        while low < high:
            is_kept = row.holds({**self._count_by_id, claim.id: middle}, is_for_all=is_for_all)
            low, high = (middle, high) if is_kept else (low, middle - 1)
            middle = (low + high + 1) // 2
        return low
