"""What one more node would be worth: held against plans that have it."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from quartermaster.planner.explain.onemore import nodes_like
from quartermaster.planner.explain.worth import LEAST_FRACTION, MOST_TOLD, NodeWorth, node_worths, worth_telling
from quartermaster.planner.fleet import Fleet, Host
from quartermaster.planner.plan import Plan
from quartermaster.planner.planning import plan
from tests.planner.builders import H100, L4, fleet, hosts, pool, workload
from tests.planner.small import small

SEEDS = range(60)


def with_node(made: Fleet, name: str, zone: str) -> Fleet:
    """Return the fleet with one more node, like the largest of the pool, in the zone."""
    pools = []
    for one in made.pools:
        if one.name == name:
            large = max(one.hosts, key=lambda host: host.chips)
            more = Host("one-more", zone, large.chips, large.chips, large.chips, large.nodes, large.is_whole)
            pools.append(replace(one, hosts=(*one.hosts, more)))
        else:
            pools.append(one)
    return replace(made, pools=tuple(pools))


def nodes(before: Plan) -> Iterator[tuple[str, str]]:
    """Yield the pools and zones where a node can be added."""
    assert before.known is not None
    places = before.known.posed.places
    for index, one in enumerate(places.pools):
        for node in nodes_like(before.known.posed, index):
            yield one.name, places.zones[node.zone]


def worth_of(before: Plan, name: str) -> NodeWorth | None:
    """Return what a node of the pool would be worth."""
    assert before.known is not None
    return next((worth for worth in node_worths(before.known) if worth.pool == name), None)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_node_saves_no_more_than_is_told_and_the_gap(seed: int) -> None:
    """The bound at the plan's prices, less what is told, is a bound of the fleet with the node."""
    asked = small(seed, is_running=seed % 3 == 0)
    before = plan(asked.fleet, asked.workloads)
    if before.shortfalls or before.known is None:
        return
    bound = before.objective * (1 - before.known.gap_fraction)
    for name, zone in nodes(before):
        after = plan(with_node(asked.fleet, name, zone), asked.workloads)
        worth = worth_of(before, name)
        told = worth.saved_dollars_per_hour if worth else 0.0
        # Less than a thousandth of what a deployment costs is not told.
        assert after.objective >= bound - told - LEAST_FRACTION * max(1.0, bound)
        assert told <= before.objective


@pytest.mark.parametrize("seed", SEEDS)
def test_a_node_that_is_told_to_serve_somebody_does(seed: int) -> None:
    """The objective falls by what was unmet; for a node of which nothing is told, no promise is made."""
    asked = small(seed)
    before = plan(asked.fleet, asked.workloads)
    if not before.shortfalls:
        return
    for name, zone in nodes(before):
        worth = worth_of(before, name)
        if worth is not None and worth.served:
            after = plan(with_node(asked.fleet, name, zone), asked.workloads)
            assert after.objective < before.objective
            assert all(one.replicas > 0 for one in worth.served)
            short = {one.workload: one for one in before.shortfalls}
            for one in worth.served:
                assert one.requests_per_second <= short[one.workload].requests_per_second + 1e-6


def test_a_cheap_pool_that_one_deployment_has_to_itself_is_worth_the_difference() -> None:
    """No price of a limit says so: nobody else wants it. One node more is what the dear pool costs more."""
    where = fleet(pool("cheap", H100, nodes=hosts(1, 1), price=2.0), pool("dear", H100, nodes=hosts(4, 1), price=5.0))
    (alone,) = [c for c in plan(where, [workload()]).candidates if c.pool == "cheap"]
    made = plan(where, [workload(rate=alone.throughput.requests_per_second * 2.9)])
    worth = worth_of(made, "cheap")
    assert worth is not None
    assert worth.saved_dollars_per_hour == pytest.approx(3.0)
    assert (worth.chips, worth.node_dollars_per_hour, worth.served) == (1, 2.0, ())
    assert worth_of(made, "dear") is None


def test_a_pool_that_deployments_share_is_worth_its_price_in_the_plan() -> None:
    """Two that want the cheap place: who has it does not matter."""
    where = fleet(pool("cheap", L4, nodes=hosts(3, 1), price=1.0), pool("dear", L4, nodes=hosts(9, 1), price=4.0))
    (alone,) = [c for c in plan(where, [workload()]).candidates if c.pool == "cheap"]
    rate = alone.throughput.requests_per_second * 1.9
    made = plan(where, [workload("a", rate=rate), workload("b", rate=rate), workload("c", rate=rate)])
    worth = worth_of(made, "cheap")
    assert worth is not None
    assert worth.saved_dollars_per_hour == pytest.approx(3.0)


def test_a_node_serves_the_highest_priority_first_and_others_with_what_is_left() -> None:
    """Two chips more: one for each."""
    where = fleet(pool("l4", L4, nodes=hosts(1, 2)))
    (alone,) = [c for c in plan(where, [workload()]).candidates if c.shape.chips == 1]
    rate = alone.throughput.requests_per_second
    asked = [workload("low", rate=rate * 0.9), workload("high", rate=rate * 2.9, priority=5)]
    (worth,) = worth_telling(plan(where, asked))
    assert [(one.workload.name, one.replicas) for one in worth.served] == [("high", 1), ("low", 1)]
    short = {one.workload.name: one.requests_per_second for one in plan(where, asked).shortfalls}
    assert short["low"] == pytest.approx(rate * 0.9)
    assert worth.requests_per_second == pytest.approx(short["low"] + min(short["high"], rate))


def test_little_is_told_and_nothing_of_a_fleet_with_room() -> None:
    """A few rows, and none where no node would be worth anything."""
    roomy = plan(fleet(pool("l4", L4, nodes=hosts(4, 1))), [workload(rate=0.1)])
    assert worth_telling(roomy) == ()
    assert worth_telling(Plan()) == ()
    pools = [pool(f"l4-{i}", L4, nodes=hosts(1, 1), price=1.0 + i) for i in range(9)]
    full = plan(fleet(*pools), [workload(rate=100.0)])
    assert [worth.pool for worth in worth_telling(full)] == ["l4-0"]
    roomy = plan(fleet(*pools, pool("dear", L4, nodes=hosts(9, 1), price=20.0)), [workload(rate=15.0)])
    assert not roomy.shortfalls
    assert len(worth_telling(roomy)) == MOST_TOLD
