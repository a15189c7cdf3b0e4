"""For how long placements have waited for chips, so that nobody waits for one of them for ever.

A larger replica that finds no node in all this time is kept from it by something that we do not see: a quota, a device
that the scheduler counts otherwise, a volume in another zone. What it waits for may still come, and then it starts;
others wait for it no longer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from quartermaster.manifests.container import GRACE_SECONDS
from quartermaster.planner.plan import PlacementId

LONGEST_WAIT_SECONDS: Final = GRACE_SECONDS + 60.0
"""What leaves may take its whole grace period to finish what it serves; then the scheduler needs a moment."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Replicas of one placement that wait for chips, and since when no fewer of them do."""

    replicas: int
    since_seconds: float


def waits(
    before: Mapping[PlacementId, Wait], unbound_by_id: Mapping[PlacementId, int], *, now_seconds: float
) -> dict[PlacementId, Wait]:
    """Return the waits after this look; a placement of which a replica got its chips has begun to wait anew."""
    return {
        stock_id: before[stock_id]
        if stock_id in before and before[stock_id].replicas == count
        else Wait(count, now_seconds)
        for stock_id, count in unbound_by_id.items()
    }


def lapsed(waits_by_id: Mapping[PlacementId, Wait], *, now_seconds: float) -> frozenset[PlacementId]:
    """Return the placements for which nobody waits any more."""
    return frozenset(
        stock_id for stock_id, wait in waits_by_id.items() if now_seconds - wait.since_seconds >= LONGEST_WAIT_SECONDS
    )
