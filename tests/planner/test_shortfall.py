"""Shortfalls: what limits is named, and the smallest change that would help."""

from quartermaster.planner.planning import plan
from tests.planner import builders


def test_where_nothing_is_eligible_the_pool_that_came_nearest_is_named() -> None:
    """Most pools break the residency; the remedy is a node in the one that keeps it, not to give the residency up."""
    american = [builders.pool(f"us-{i}", region="us-central1") for i in range(3)]
    european = builders.pool("eu", nodes=0, region="europe-west4")
    wanted = builders.workload(compliance={"residency": {"jurisdictions": ["EU"]}})
    (short,) = plan(builders.fleet(*american, european), [wanted]).shortfalls
    assert (short.cause, short.reason) == ("nodes", "NoEligiblePool")
    assert "none of 4 pools is eligible; eu comes nearest" in short.message
    assert "add a node to eu" in short.remedy
