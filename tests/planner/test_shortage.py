"""Plans of fleets with too little room: who goes short, and what is said about it."""

import dataclasses

import pytest

from quartermaster.planner.planning import plan
from tests.planner.builders import (
    DEEPSEEK_R1,
    H200,
    L4,
    LLAMA_70B,
    external_pool,
    fleet,
    hosts,
    pool,
    workload,
)
from tests.planner.plans import rate_of, replicas


def test_an_eu_only_model_without_room_in_the_eu_stays_short() -> None:
    """Room in the US does not tempt it."""
    eu = workload("eu", LLAMA_70B, rate=50.0, compliance={"residency": {"jurisdictions": ["EU"]}})
    made = plan(fleet(pool("eu"), pool("us", nodes=9, region="us-central1")), [eu])
    assert {p.candidate.pool for p in made.placements} == {"eu"}
    (short,) = made.shortfalls
    assert short.cause == "eu"


def test_a_service_takes_a_share_when_the_fleet_is_short() -> None:
    """What own chips cannot serve is bought, in tenths of the demand."""
    asked = workload(rate=1.0)
    where = fleet(pool("l4", L4, nodes=hosts(1, 1)), external_pool(prices=(5.0, 20.0)))
    rate = rate_of(where, asked, "l4") * 2
    made = plan(where, [dataclasses.replace(asked, demand=dataclasses.replace(asked.demand, requests_per_second=rate))])
    assert replicas(made) == {("chat", "l4"): 1, ("chat", "hosted"): 5}
    bought = next(p for p in made.placements if p.candidate.is_external)
    assert bought.candidate.shape.key == "external"
    assert bought.candidate.shape.chips == 0
    assert bought.requests_per_second == pytest.approx(rate / 2)
    assert bought.dollars_per_hour == pytest.approx(rate / 2 * 3600 * (1000 * 5.0 + 200 * 20.0) / 1e6)


def test_a_service_never_grants_more_than_it_has() -> None:
    """Its tokens per second are shared by all deployments."""
    where = fleet(external_pool(tokens_per_second=500.0, prices=(0.01, 0.01)))
    made = plan(where, [workload("a", rate=2.0), workload("b", rate=2.0)])
    assert sum(p.tokens_per_second for p in made.placements) <= 500.0
    assert {s.workload.name for s in made.shortfalls} == {"a", "b"}
    assert {s.reason for s in made.shortfalls} == {"ServiceFull"}


def test_the_higher_priority_is_served_first() -> None:
    """One place, two that want it: the smaller name would win a tie, priority decides."""
    where = fleet(pool("l4", L4, nodes=hosts(1, 1)))
    made = plan(where, [workload("a", rate=0.1), workload("b", rate=0.1, priority=10)])
    assert replicas(made) == {("b", "l4"): 1}
    (short,) = made.shortfalls
    assert (short.workload.name, short.reason, short.cause) == ("a", "FleetFull", "l4")
    assert "add 1 node of 1 × nvidia-l4 to l4" in short.remedy


def test_the_last_replica_of_a_high_priority_beats_all_of_a_low_one() -> None:
    """Priorities are not weighed against each other."""
    where = fleet(pool("l4", L4, nodes=hosts(3, 1)))
    one = rate_of(where, workload(), "l4")
    made = plan(where, [workload("low", rate=one * 0.9), workload("high", rate=one * 2.01, priority=1)])
    assert replicas(made) == {("high", "l4"): 3}


def test_a_shortage_is_shared_in_proportion_inside_one_priority() -> None:
    """Twice the demand gets about twice the places."""
    where = fleet(pool("l4", L4, nodes=hosts(9, 1)))
    one = rate_of(where, workload(), "l4")
    made = plan(where, [workload("small", rate=one * 6), workload("large", rate=one * 12)])
    assert replicas(made) == {("small", "l4"): 3, ("large", "l4"): 6}


def test_a_shortfall_says_how_many_nodes_of_which_pool_would_help() -> None:
    """The cheapest way out, with what each node buys."""
    asked = workload(rate=1000.0)
    where = fleet(pool("h100", price=5.0), pool("h200", H200, price=50.0))
    made = plan(where, [asked])
    (short,) = made.shortfalls
    assert short.requests_per_second > 0
    assert short.cause == "h100"
    assert "of 8 × nvidia-h100-sxm to h100" in short.remedy
    assert "requests/s are not served" in short.message


def test_a_deployment_that_no_pool_admits_says_which_came_nearest() -> None:
    """The pool that passed most rules, with its remedy."""
    asked = workload(served=DEEPSEEK_R1, compliance={"residency": {"jurisdictions": ["EU"]}})
    made = plan(fleet(pool("us", region="us-east1"), pool("us-2", region="us-east1"), pool("eu")), [asked])
    (short,) = made.shortfalls
    assert (short.cause, short.reason, short.replicas) == ("memory", "NoEligiblePool", 1)
    assert "none of 3 pools is eligible; eu comes nearest" in short.message
    assert short.remedy == next(r.remedy for r in made.rejections if r.pool == "eu")


def test_a_deployment_in_an_empty_fleet_says_so() -> None:
    """No pool, no rule: a shortfall nevertheless."""
    (short,) = plan(fleet(), [workload()]).shortfalls
    assert short.reason == "NoPools"


def test_the_largest_count_is_kept_and_named() -> None:
    """The remedy is the count that would do."""
    made = plan(fleet(pool("l4", L4, nodes=hosts(9, 1))), [workload(rate=8.0, scaling={"maxReplicas": 1})])
    (short,) = made.shortfalls
    assert (short.cause, short.reason) == ("max-replicas", "MaxReplicasReached")
    assert short.remedy.startswith("raise spec.scaling.maxReplicas to ")


def test_the_budget_is_kept_and_named() -> None:
    """Replicas stop at the ceiling."""
    made = plan(
        fleet(pool("l4", L4, nodes=hosts(20, 1), price=1.0)),
        [workload(rate=20.0, budget={"maxDollarsPerHour": "3.5"})],
    )
    assert made.dollars_per_hour == pytest.approx(3.0)
    (short,) = made.shortfalls
    assert (short.cause, short.reason) == ("budget", "BudgetReached")
    assert "raise spec.budget.maxDollarsPerHour" in short.remedy


def test_a_spread_that_cannot_be_had_is_a_shortfall_and_serves_nevertheless() -> None:
    """Serving in one region beats not serving."""
    made = plan(fleet(pool("eu")), [workload(placement={"minRegions": 2})])
    assert replicas(made) == {("chat", "eu"): 1}
    (short,) = made.shortfalls
    assert (short.cause, short.reason) == ("min-regions", "SpreadUnmet")
