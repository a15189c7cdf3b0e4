"""A world with everything in it that has come to rest, and since when. What must be true of it, the tests say."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from tests.e2e.wishes import LARGE_MODEL, SMALL_MODEL, pool, wish
from tests.e2e.world import World
from tests.lab import fleet, operator
from tests.lab.audit import AuditEvent
from tests.lab.cluster import Cluster
from tests.lab.operator import USER

SETTINGS = {"SCALE_SECONDS": "1", "PLAN_SECONDS": "7"}
"""Plan anew every few seconds, so that a minute holds many plans."""
NAMESPACE = "quiet"
DECISIONS = "quartermaster_decide_seconds_count"


@dataclass(frozen=True, slots=True)
class Quiet:
    """A settled world."""

    world: World
    mark: int
    """Place in the audit log at which it had settled."""
    since_seconds: float
    """When that was."""
    decided: float
    """Decisions made until then."""
    planned: float
    """Those of them that made a plan."""

    @property
    def decisions(self) -> float:
        """Decisions made since."""
        return self.world.operator.metric(DECISIONS) - self.decided

    @property
    def plans(self) -> float:
        """Plans made since."""
        return self.world.operator.metric(DECISIONS, replanned="true") - self.planned

    def requests(self) -> list[AuditEvent]:
        """Return what the operator has asked of the API server since, but for what it watches, and its Lease."""
        asked = self.world.cluster.audit.events(since=self.mark, user=USER)
        return [event for event in asked if event.verb not in {"watch", "list"} and event.resource != "leases"]


@contextmanager
def quiet() -> Iterator[Quiet]:
    """Start a cluster of its own, let it come to rest, and keep it while the block runs."""
    with Cluster.start() as cluster:
        operator.install(cluster)
        with operator.operator(cluster, settings=SETTINGS) as process:
            world = World(cluster, process)
            _populate(world)
            decided, planned = process.metric(DECISIONS), process.metric(DECISIONS, replanned="true")
            yield Quiet(world, cluster.audit.mark(), time.monotonic(), decided, planned)


def _populate(world: World) -> None:
    """Wish for what is placed, split, spread, short, external, counted from outside, and cannot be planned at all."""
    world.cluster.create_namespace(NAMESPACE)
    world.apply(*fleet.example_fleet(), pool("spot", {"karpenter.sh/capacity-type": "spot"}, price="3"))
    world.apply(
        fleet.external_pool(
            name="hosted", endpoint="https://llm.example.com", models=[SMALL_MODEL], region="us-east-1", operator="x"
        )
    )
    shared = {"regions": {"required": ["us-east-1", "asia-northeast1"]}, "maxRegionShare": "0.6"}
    spread = {"minRegions": 2, "minZones": 3}
    european = {"residency": {"jurisdictions": ["EU"]}}
    world.apply(
        wish("placed", NAMESPACE, priority=10, rate="20"),
        wish("european", NAMESPACE, priority=10, model=LARGE_MODEL, rate="40", compliance=european),
        wish("spread", NAMESPACE, priority=10, rate="30", scaling={"minReplicas": 4}, placement=spread),
        wish("shared", NAMESPACE, priority=10, rate="30", placement=shared),
        wish("short", NAMESPACE, model=LARGE_MODEL, rate="5000", scaling={"maxReplicas": 2}),
        wish("counted", NAMESPACE, rate=None, replicas=3),
        wish("unplannable", NAMESPACE, model="no-such-model"),
    )
    for name in ("placed", "european", "spread", "shared", "counted"):
        world.wait_ready(NAMESPACE, name)
    for name in ("short", "unplannable"):
        world.wait(f"{name} is told", partial(_is_stalled, world, name))


def _is_stalled(world: World, name: str) -> bool:
    return bool(world.condition(NAMESPACE, name, "Stalled").get("status") == "True")
