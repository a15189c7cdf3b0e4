"""The places of one size, in a zone or anywhere, that must remain for those who wait: one row of the inequalities.

With ⌊f_h / s⌋ places for size s on a host with f_h free chips, a replica of u chips that is bound somewhere takes

    for s ≤ u   at most ⌈u / s⌉ places, and exactly u / s where s divides u
    for s > u   at most one place, and none while it sits in what is left over, f_h mod s

so that every planned replica of size s finds a place, wherever those that are let go land, while

    Σ_waiting of size u ≥ s  ⌈u / s⌉  +  worst loss by smaller ones that are let go  ≤  Σ_h ⌊f_h / s⌋

where the loss is at most one place per smaller replica, and at most what all their chips together can spoil when they
first fill up the hosts with the least left over. In a zone, those who must be there need places, and besides smaller
ones others of the size or larger may land there, which take ⌈u / s⌉ places each.

A row that holds goes on holding when one of those that are let go is bound, on whatever host: what it takes of the
places was counted as need, or as loss, and both shrink with it. Ground that becomes free breaks no row either. Nobody
is told here to wait or to go: that is ``precedence``.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from quartermaster.planner.fleet import may_meet
from quartermaster.planner.plan import PlacementId
from quartermaster.reconcile.stock import Ground


@dataclass(frozen=True, slots=True)
class Claim:
    """Replicas that are planned and not bound: how many, of what size, and where."""

    id: PlacementId
    chips: int
    count: int

    @property
    def zone(self) -> str:
        """Zone that they are bound to; empty where they may go anywhere."""
        return self.id.place.zone

    def may_land_in(self, zone: str) -> bool:
        """Whether a replica can be put there; an empty zone is any."""
        return may_meet(self.zone, zone)


class Row:
    """Places of one size, and who needs or may take them."""

    def __init__(self, awaited: Sequence[Claim], zone: str, *, claims: Sequence[Claim], ground: Ground) -> None:
        """Count the places.

        Args:
            awaited: those of one size for whose sake others wait.
            zone: where they need places; empty for anywhere.
            claims: all who seek or need chips in the pool.
            ground: what they can sit in.
        """
        size = awaited[0].chips
        free = [
            chips
            for host, chips in ground.free_chips_by_host.items()
            if chips >= size and (not zone or ground.zone_by_host.get(host, "") == zone)
        ]
        self._size = size
        self._zone = zone
        self._awaited = awaited
        self._places = sum(chips // size for chips in free)
        self._hosts_by_left_over = Counter(chips % size for chips in free)
        landing = [claim for claim in claims if claim.may_land_in(zone)]
        self._smaller = [claim for claim in landing if claim.chips < size]
        self._strangers = [claim for claim in landing if zone and claim.chips >= size and not claim.zone]
        self._owners = [claim for claim in landing if claim.chips >= size and (not zone or claim.zone)]

    def concerns(self, claim: Claim) -> bool:
        """Whether the row may break when replicas of the claim are let go."""
        return claim.may_land_in(self._zone) and (bool(self._zone) or claim.chips < self._size)

    def rival_of(self, claim: Claim, let_go: Mapping[PlacementId, int]) -> Claim:
        """Return for whom the claim has to wait: whose places these are; where they are its own, who may take them."""
        takers = [other for other in self._strangers if let_go[other.id]] if claim in self._owners else []
        return takers[0] if takers else self._awaited[0]

    def holds(self, let_go: Mapping[PlacementId, int], *, is_for_all: bool) -> bool:
        """Whether places remain for those who need them, wherever those that are let go land.

        Args:
            let_go: replicas that are let go and not bound, by placement.
            is_for_all: whether those in the zone who are not let go need places too where only larger ones could take
                them; against smaller ones and their like they always do.
        """
        smaller = [claim for claim in self._smaller if let_go[claim.id]]
        strangers = [claim for claim in self._strangers if let_go[claim.id]]
        if not smaller and not strangers:
            return True
        is_for_all = is_for_all or bool(smaller) or any(claim.chips == self._size for claim in strangers)
        needed = sum(self._need(claim, claim.count if is_for_all else let_go[claim.id]) for claim in self._owners)
        taken = sum(let_go[claim.id] * math.ceil(claim.chips / self._size) for claim in strangers)
        return not needed or needed + taken + self._worst_loss(smaller, let_go) <= self._places

    def _need(self, claim: Claim, count: int) -> int:
        """Return the places that so many replicas of an owner need here."""
        return count * math.ceil(claim.chips / self._size)

    def _worst_loss(self, smaller: Sequence[Claim], let_go: Mapping[PlacementId, int]) -> int:
        """Return the most places that smaller replicas can spoil, wherever each is put."""
        chips = sum(claim.chips * let_go[claim.id] for claim in smaller)
        # A divisor of the size as well, so that with fewer replicas the step can only be a multiple of what it was.
        step = math.gcd(self._size, *(claim.chips for claim in smaller))
        lost = 0
        # The first place of a host is spoiled when what is left over is full, each further one by its own size.
        for left_over, hosts in sorted(self._hosts_by_left_over.items()):
            first = left_over // step * step + step
            spoiled = min(hosts, chips // first)
            chips -= spoiled * first
            lost += spoiled
        return min(sum(let_go[claim.id] for claim in smaller), lost + chips // self._size)


def rows(claims: Sequence[Claim], ground: Ground, *, lapsed: Collection[PlacementId] = ()) -> tuple[Row, ...]:
    """Return the rows that have to hold, larger places first: of each size waited for, in its zone or anywhere.

    Args:
        claims: all who wait in the pool.
        ground: what they can sit in.
        lapsed: those for whom nobody waits any more; they take places all the same.
    """
    awaited: dict[tuple[int, str], list[Claim]] = defaultdict(list)
    for claim in claims:
        if claim.id not in lapsed:
            awaited[-claim.chips, claim.zone].append(claim)
    return tuple(Row(awaited[key], key[1], claims=claims, ground=ground) for key in sorted(awaited))
