"""Bounds of a deployment: defaults, and which changes of counts they admit."""

from quartermaster.api.v1alpha1 import InferenceDeploymentSpec
from quartermaster.autoscaler.limits import Limits
from quartermaster.planner.plan import Placement
from tests.autoscaler.build import candidate, placement


def spec(**parts: object) -> InferenceDeploymentSpec:
    """Return a spec as a person writes it."""
    return InferenceDeploymentSpec.model_validate({"model": {"name": "llama-3.1-8b-instruct"}, **parts})


def test_what_a_spec_leaves_out_has_its_documented_default() -> None:
    """One replica at least, a thousand at most, four waiting per replica, five minutes."""
    limits = Limits.of(spec())
    assert (limits.min_replicas, limits.max_replicas) == (1, 1000)
    assert (limits.queue_depth_per_replica, limits.scale_down_delay_seconds) == (4, 300)


def test_what_a_spec_states_is_taken_zero_included() -> None:
    """A delay of zero is a delay of zero."""
    limits = Limits.of(
        spec(
            scaling={"minReplicas": 2, "maxReplicas": 6, "queueDepthPerReplica": 9, "scaleDownDelaySeconds": 0},
            placement={"minRegions": 2, "minZones": 3, "maxRegionShare": "0.6"},
            budget={"maxDollarsPerHour": "12.50"},
        )
    )
    assert limits == Limits(2, 6, 9, 0, 12.5, 2, 3, 0.6)


def regional(*counts: int) -> tuple[Placement, ...]:
    """Return replicas in as many regions."""
    return tuple(Placement(candidate(f"p{i}", region=f"r{i}"), count) for i, count in enumerate(counts))


def test_the_budget_is_not_exceeded() -> None:
    """At four dollars each, twelve dollars are three replicas."""
    limits = Limits(max_dollars_per_hour=12.0)
    assert limits.admit((placement(2),), (placement(3),))
    assert not limits.admit((placement(3),), (placement(4),))


def test_a_region_keeps_to_its_share() -> None:
    """Three to two is sixty percent; four to two is not."""
    limits = Limits(max_region_share_fraction=0.6)
    assert limits.admit(regional(2, 2), regional(3, 2))
    assert not limits.admit(regional(3, 2), regional(4, 2))


def test_the_last_replica_of_a_wanted_region_or_zone_stays() -> None:
    """``minRegions`` and ``minZones`` hold when replicas go."""
    assert not Limits(min_regions=2).admit(regional(2, 1), regional(2, 0))
    zoned = (placement(2, zone="a"), placement(1, zone="b"))
    assert Limits(min_zones=2).admit(zoned, (placement(1, zone="a"), zoned[1]))
    assert not Limits(min_zones=2).admit(zoned, (zoned[0], placement(0, zone="b")))


def test_what_is_already_broken_may_be_mended_but_not_worsened() -> None:
    """A ceiling lowered below today's cost still lets replicas go."""
    limits = Limits(max_dollars_per_hour=5.0)
    assert limits.admit((placement(4),), (placement(3),))
    assert not limits.admit((placement(4),), (placement(5),))


def test_nothing_that_runs_breaks_no_spread() -> None:
    """Zero replicas are in no region, and that is admitted."""
    assert Limits(min_replicas=0).admit((placement(1),), (placement(0),))
