"""Roll-outs in full pools: none waits for ever."""

import copy
from dataclasses import replace
from typing import Any

import pytest

from quartermaster.api import names
from quartermaster.planner.fleet import Key, Place
from quartermaster.planner.plan import PlacementId
from quartermaster.reconcile.observed import PodSeen
from quartermaster.reconcile.rollout import BREAK_FIRST, refused, with_way_out
from tests.reconcile.seen import pod_seen

KEY = Key("ns", "model")
SURGE = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}


def labels(pool: str, zone: str = "") -> dict[str, str]:
    """Return the labels of a placement's Deployment and pods."""
    found = {
        names.MANAGED_BY_LABEL: names.MANAGED_BY,
        names.DEPLOYMENT_LABEL: KEY.name,
        names.POOL_LABEL: pool,
        names.SHAPE_LABEL: "one",
    }
    return found | ({names.ZONE_LABEL: zone} if zone else {})


def deployment(zone: str = "") -> dict[str, Any]:
    """Return as much of a child as its roll-out needs."""
    return {
        "kind": "Deployment",
        "metadata": {"labels": labels("a", zone)},
        "spec": {"replicas": 9, "strategy": SURGE, "template": {"spec": {"containers": []}}},
    }


@pytest.mark.parametrize("zone", ["", "x"])
def test_a_roll_out_that_finds_no_node_breaks_before_it_makes_until_it_has_ended(zone: str) -> None:
    """The strategy is no part of the template, so that its change starts nothing."""
    planned, stuck = deployment(zone), {Place("a", "one", zone)}
    rolling = {**copy.deepcopy(planned), "status": {"replicas": 10, "updatedReplicas": 4}}
    assert with_way_out(planned, rolling, refused_places=()) == planned
    stated = with_way_out(planned, rolling, refused_places=stuck)
    assert stated["spec"] == {**planned["spec"], "strategy": BREAK_FIRST}
    assert planned["spec"]["strategy"] == SURGE, "the manifest given is not changed"
    rolling["spec"]["strategy"] = BREAK_FIRST
    assert with_way_out(planned, rolling, refused_places=())["spec"]["strategy"] == BREAK_FIRST
    rolling["status"] = {"replicas": 9, "updatedReplicas": 9}
    assert with_way_out(planned, rolling, refused_places=stuck)["spec"]["strategy"] == SURGE


def test_a_zone_that_finds_no_node_does_not_break_the_roll_out_of_another() -> None:
    """Each zone has a Deployment of its own, and rolls by itself."""
    planned = deployment("x")
    rolling = {**copy.deepcopy(planned), "status": {"replicas": 10, "updatedReplicas": 4}}
    for elsewhere in (Place("a", "one", "y"), Place("a", "one")):
        assert with_way_out(planned, rolling, refused_places={elsewhere})["spec"]["strategy"] == SURGE


def test_a_child_that_rolls_nothing_out_is_as_declared() -> None:
    """A Service has neither pods of its own nor a strategy."""
    service = {"kind": "Service", "metadata": {"labels": labels("a")}, "spec": {"type": "ClusterIP"}}
    assert with_way_out(service, service, refused_places={Place("a", "one")}) == service


def pod(name: str, pool: str, *, zone: str = "", node: str | None = None, reason: str | None = None) -> PodSeen:
    """Return a replica of ours."""
    seen = pod_seen(name, node=node, chips={})
    return replace(seen, namespace="ns", labels=labels(pool, zone), scheduling_reason=reason)


def test_a_pod_is_refused_for_good_only_where_nothing_is_leaving() -> None:
    """What a pod that is being deleted leaves behind may be what the refused one waits for."""
    waiting = [
        pod("one", "a", zone="x", reason="Unschedulable"),
        pod("two", "b", reason="Unschedulable"),
        pod("three", "c"),
    ]
    leaving = replace(pod("four", "b", node="n"), is_deleting=True)
    assert refused([*waiting, leaving]) == {PlacementId(KEY, Place("a", "one", "x"))}
