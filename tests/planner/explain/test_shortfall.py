"""Shortfalls: what limits is named, and the smallest change that would help."""

import re

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


def test_the_pool_that_keeps_it_out_is_not_the_one_whose_next_node_others_would_take() -> None:
    """A higher priority is short in the cheap pool, so that one node there would not help the lower."""
    cheap = builders.pool("cheap", builders.L4, nodes=builders.hosts(1, 1), price=1.0)
    dear = builders.pool("dear", builders.L4, nodes=builders.hosts(1, 1), price=3.0, region="us-central1")
    where = builders.fleet(cheap, dear)
    rate = next(iter(plan(where, [builders.workload()]).candidates)).throughput.requests_per_second
    only_eu = {"regions": {"required": ["europe-west4"]}}
    asked = [
        builders.workload("high", rate=rate * 1.9, priority=9, placement=only_eu),
        builders.workload("low", rate=rate * 1.9),
    ]
    high, low = plan(where, asked).shortfalls
    assert (high.workload.name, high.cause) == ("high", "cheap")
    assert (low.workload.name, low.cause) == ("low", "dear")
    assert "add 1 node of 1 × nvidia-l4 to dear" in low.remedy


def test_a_remedy_says_what_one_more_node_serves_and_what_it_would_save_instead() -> None:
    """Room that others would pay for has its price."""
    cheap = builders.pool("cheap", builders.L4, nodes=builders.hosts(1, 1), price=1.0, region="us-central1")
    dear = builders.pool("dear", builders.L4, nodes=builders.hosts(9, 1), price=3.0)
    where = builders.fleet(cheap, dear)
    rate = next(iter(plan(where, [builders.workload()]).candidates)).throughput.requests_per_second
    only_us = {"regions": {"required": ["us-central1"]}}
    asked = [
        builders.workload("movable", rate=rate * 0.9),
        builders.workload("other", rate=rate * 0.9),
        builders.workload("american", rate=rate * 1.9, placement=only_us),
    ]
    (short,) = plan(where, asked).shortfalls
    assert (short.workload.name, short.cause, short.reason) == ("american", "cheap", "FleetFull")
    assert "cheap (nvidia-l4, 1 chip a replica) keeps it out" in short.message
    # Which of several prices of room a plan finds is open here: with the room, movable alone moves, or both do.
    worth = re.search(r"where room for a replica is worth about (\d\.\d\d) \$/h to others", short.message)
    assert worth is not None
    assert 2.0 <= float(worth[1]) <= 4.0
    assert f"one more serves {rate * 0.9:.3g} of these requests/s" in short.remedy
    assert f"it would save the plan up to about {worth[1]} $/h" in short.remedy


def test_a_spread_that_binds_is_named_although_little_goes_unserved() -> None:
    """More nodes in the one region would only make the share worse."""
    where = builders.fleet(builders.pool("l4", builders.L4, nodes=builders.hosts(2, 8), price=0.9))
    rate = max(
        c.throughput.requests_per_second for c in plan(where, [builders.workload()]).candidates if c.shape.chips == 2
    )
    (short,) = plan(where, [builders.workload(rate=rate * 1.004, placement={"maxRegionShare": "0.6"})]).shortfalls
    assert (short.cause, short.reason) == ("max-region-share", "SpreadUnmet")
    assert "raise spec.placement.maxRegionShare" in short.remedy
