"""Roll-outs: none without need, and none that waits for ever."""

import copy
from dataclasses import replace
from typing import Any

import pytest

from quartermaster.api import names
from quartermaster.catalog.locality import ZONE
from quartermaster.planner.fleet import Key
from quartermaster.reconcile.observed import PodSeen
from quartermaster.reconcile.rollout import (
    BREAK_FIRST,
    NO_ROLLOUTS,
    Rollouts,
    refused,
    seated,
    settled,
    with_present_skew,
    with_way_out,
)
from quartermaster.reconcile.stock import Ground, Stock
from tests.reconcile.seen import pod_seen


def deployment(*, skew: int, replicas: int = 9, when: str = "DoNotSchedule", label: str = "a") -> dict[str, Any]:
    """Return as much of a Deployment as its spread over zones needs."""
    constraint = {
        "maxSkew": skew,
        "topologyKey": ZONE,
        "whenUnsatisfiable": when,
        "labelSelector": {"matchLabels": {"app": label}},
    }
    pod = {"topologySpreadConstraints": [constraint], "containers": []}
    return {"kind": "Deployment", "spec": {"replicas": replicas, "template": {"spec": pod}}}


def skew_of(document: Any) -> int:
    """Return the skew of a Deployment's only constraint."""
    found: int = document["spec"]["template"]["spec"]["topologySpreadConstraints"][0]["maxSkew"]
    return found


def test_a_wider_skew_that_leaves_no_zone_out_stays() -> None:
    """The scheduler spread the pods more evenly than was planned: that is no reason to replace them all."""
    planned = deployment(skew=1)
    before = copy.deepcopy(planned)
    assert skew_of(with_present_skew(planned, deployment(skew=7))) == 7
    assert planned == before, "the manifest given is not changed"


@pytest.mark.parametrize(
    ("planned", "seen"),
    [
        (deployment(skew=5), deployment(skew=2)),
        (deployment(skew=1, replicas=7), deployment(skew=7)),
        (deployment(skew=1), deployment(skew=7, label="b")),
        (deployment(skew=1, when="ScheduleAnyway"), deployment(skew=7, when="ScheduleAnyway")),
        (deployment(skew=1), {"kind": "Deployment", "spec": {"template": {"spec": {}}}}),
    ],
    ids=["too narrow", "could leave a zone out", "another constraint", "only a wish", "no constraint"],
)
def test_any_other_skew_is_the_planned_one(planned: dict[str, Any], seen: dict[str, Any]) -> None:
    """What was edited, or does not do any more, is as the plan says."""
    assert with_present_skew(planned, seen) == planned


def zoned(*zones: str, skew: int = 1) -> dict[str, Any]:
    """Return a child in zones, as it is rendered."""
    child = deployment(skew=skew)
    expressions = [
        {"key": "pool", "operator": "In", "values": ["a"]},
        {"key": ZONE, "operator": "In", "values": list(zones)},
    ]
    required = {"nodeSelectorTerms": [{"matchExpressions": expressions}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    child["spec"]["template"]["spec"]["affinity"] = affinity
    child["metadata"] = {"labels": {names.POOL_LABEL: "a", names.SHAPE_LABEL: "one"}}
    return child


def test_other_zones_are_no_reason_to_replace_replicas_that_sit_well() -> None:
    """Only where the replicas sit as widely as is asked; otherwise the plan's zones are declared."""
    planned, seen = zoned("x", "y", skew=2), zoned("y", "z", skew=3)
    well = Rollouts(seated=frozenset({("a", "one")}))
    assert settled(planned, seen, rollouts=well)["spec"]["template"] == seen["spec"]["template"]
    assert (
        settled(planned, seen, rollouts=NO_ROLLOUTS)["spec"]["template"]["spec"]["affinity"]
        == (planned["spec"]["template"]["spec"]["affinity"])
    )
    other = zoned("y", "z")
    other["spec"]["template"]["spec"]["containers"] = [{"name": "edited"}]
    stated = settled(planned, other, rollouts=well)
    assert stated["spec"]["template"]["spec"]["containers"] == [], "whatever else differs is as planned"


def stock(*hosts: str, planned: int, pool: str = "a") -> Stock:
    """Return replicas on hosts that are named by their zones, tied to two zones."""
    zones = (("x", planned - planned // 2), ("y", planned // 2))
    return Stock((KEY, pool, "one"), 0, 1, 1.0, planned, len(hosts), len(hosts), hosts=hosts, zones=zones)


KEY = Key("ns", "model")
GROUNDS = {pool: Ground({}, {zone: zone for zone in "xyz"}) for pool in "ab"}


@pytest.mark.parametrize(
    ("stocks", "is_seated"),
    [
        ([stock("y", "z", planned=2)], True),
        ([stock("y", "y", planned=2)], False),
        ([stock("y", planned=2)], False),
        ([stock("y", "z", planned=2), replace(stock(planned=1), id=(Key("ns", "other"), "a", "one"))], False),
        ([stock("y", "y", planned=2), replace(stock("z", planned=1, pool="b"), zones=())], True),
    ],
    ids=["spread", "in one zone", "one waits", "another waits in the pool", "spread together with another pool"],
)
def test_replicas_sit_well_where_all_are_bound_in_as_many_zones_as_are_asked(
    stocks: list[Stock], *, is_seated: bool
) -> None:
    """Zones are counted over all pools of the deployment, and nobody may be waiting for room in the pool."""
    found = seated(stocks, GROUNDS, min_zones_by_key={KEY: 2})
    assert (stocks[0].id in found) is is_seated


def test_a_roll_out_that_finds_no_node_breaks_before_it_makes_until_it_has_ended() -> None:
    """The strategy is no part of the template, so that its change starts nothing."""
    planned = deployment(skew=1)
    surge = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    planned["spec"]["strategy"] = surge
    rolling = {**copy.deepcopy(planned), "status": {"replicas": 10, "updatedReplicas": 4}}
    assert with_way_out(planned, rolling, is_refused=False)["spec"]["strategy"] == surge
    assert with_way_out(planned, rolling, is_refused=True)["spec"]["strategy"] == BREAK_FIRST
    rolling["spec"]["strategy"] = BREAK_FIRST
    assert with_way_out(planned, rolling, is_refused=False)["spec"]["strategy"] == BREAK_FIRST
    rolling["status"] = {"replicas": 9, "updatedReplicas": 9}
    assert with_way_out(planned, rolling, is_refused=True)["spec"]["strategy"] == surge


def pod(name: str, pool: str, *, node: str | None = None, reason: str | None = None) -> PodSeen:
    """Return a replica of ours."""
    labels = {
        names.MANAGED_BY_LABEL: names.MANAGED_BY,
        names.DEPLOYMENT_LABEL: "model",
        names.POOL_LABEL: pool,
        names.SHAPE_LABEL: "one",
    }
    return replace(pod_seen(name, node=node, chips={}), namespace="ns", labels=labels, scheduling_reason=reason)


def test_a_pod_is_refused_for_good_only_where_nothing_is_leaving() -> None:
    """What a pod that is being deleted leaves behind may be what the refused one waits for."""
    waiting = [pod("one", "a", reason="Unschedulable"), pod("two", "b", reason="Unschedulable"), pod("three", "c")]
    leaving = replace(pod("four", "b", node="n"), is_deleting=True)
    assert refused([*waiting, leaving]) == {(KEY, "a", "one")}
