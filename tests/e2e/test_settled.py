"""A settled world gets no write: the audit log is watched for a minute, in which plans are made anew several times."""

import time
from collections.abc import Mapping

import pytest

from tests.e2e.wishes import LARGE_MODEL, SMALL_MODEL, pool, wish
from tests.e2e.world import World
from tests.lab import fleet
from tests.lab.operator import USER

QUIET_SECONDS = 60.0


@pytest.fixture(scope="module")
def operator_settings() -> Mapping[str, str]:
    """Plan anew every few seconds, so that a minute holds many plans."""
    return {"SCALE_SECONDS": "1", "PLAN_SECONDS": "7"}


def test_a_settled_world_gets_no_write_in_a_minute(world: World, namespace: str) -> None:
    """Placed, split, spread, short, external, unplannable: nothing is written again, events and statuses included."""
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
        wish("placed", namespace, priority=10, rate="20"),
        wish("european", namespace, priority=10, model=LARGE_MODEL, rate="40", compliance=european),
        wish("spread", namespace, priority=10, rate="30", scaling={"minReplicas": 4}, placement=spread),
        wish("shared", namespace, priority=10, rate="30", placement=shared),
        wish("short", namespace, model=LARGE_MODEL, rate="5000", scaling={"maxReplicas": 2}),
        wish("counted", namespace, rate=None, replicas=3),
        wish("unplannable", namespace, model="no-such-model"),
    )
    for name in ("placed", "european", "spread", "counted"):
        world.wait_ready(namespace, name)
    world.wait(
        "the shortfall and the refusal are told",
        lambda: (
            world.condition(namespace, "short", "Stalled").get("status") == "True"
            and world.condition(namespace, "unplannable", "Stalled").get("status") == "True"
        ),
    )
    decided = world.operator.metric("quartermaster_decide_seconds_count")
    planned = world.operator.metric("quartermaster_decide_seconds_count", replanned="true")
    mark = world.cluster.audit.mark()

    time.sleep(QUIET_SECONDS)

    assert [event.uri for event in world.writes(since=mark)] == []
    everything = world.cluster.audit.events(since=mark, user=USER)
    assert {event.resource for event in everything if event.verb not in {"watch", "list"}} <= {"leases"}
    assert world.operator.metric("quartermaster_decide_seconds_count") > decided + 20, "it did not even look"
    assert world.operator.metric("quartermaster_decide_seconds_count", replanned="true") > planned + 3
