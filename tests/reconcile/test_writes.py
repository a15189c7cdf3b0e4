"""What is applied and deleted for one deployment: as little as makes it so."""

import copy
from typing import Any

import pytest

from quartermaster.catalog.locality import ZONE
from quartermaster.reconcile.writes import with_present_skew


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
