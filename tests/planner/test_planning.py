"""Plans of small fleets: what goes where, and what is said about the rest."""

import dataclasses

import pytest

from quartermaster.api.v1alpha1.enums import CapacityType
from quartermaster.planner.explain.headroom import headroom
from quartermaster.planner.fleet import Running, Workload
from quartermaster.planner.plan import Plan
from quartermaster.planner.planning import plan
from tests.planner.builders import (
    A100,
    H100,
    H200,
    L4,
    LLAMA_70B,
    MI300X,
    TPU_V6E,
    TRAINIUM2,
    external_pool,
    fleet,
    host,
    hosts,
    pool,
    workload,
)
from tests.planner.plans import rate_of, replicas


def started(asked: Workload, made: Plan) -> Workload:
    """Return the workload with its placements running."""
    running = tuple(
        Running(*p.place[:2], p.replicas, p.replicas, zone=p.zone)
        for p in made.placements_of(asked.key)
        if not p.candidate.is_external
    )
    return dataclasses.replace(asked, running=running)


def test_the_cheapest_pool_that_serves_is_chosen() -> None:
    """Same chip, two prices."""
    where = fleet(pool("dear", price=6.0), pool("cheap", price=4.0))
    made = plan(where, [workload()])
    assert replicas(made) == {("chat", "cheap"): 1}
    assert made.dollars_per_hour == pytest.approx(4.0)
    assert made.gap_fraction == pytest.approx(0.0, abs=1e-4)
    assert not made.shortfalls


def test_an_eu_only_model_never_leaves_the_eu() -> None:
    """A cheaper pool in the US stays empty, and the plan says why."""
    eu = workload("eu", compliance={"residency": {"jurisdictions": ["EU"]}})
    where = fleet(pool("eu", price=9.0), pool("us", price=1.0, region="us-central1"))
    made = plan(where, [eu, workload("any")])
    assert replicas(made) == {("eu", "eu"): 1, ("any", "us"): 1}
    (refused,) = made.rejections
    assert (refused.workload.name, refused.pool, refused.rule) == ("eu", "us", "residency")


def test_a_model_is_split_over_two_accelerators_when_one_is_short() -> None:
    """The cheap pool is filled, the rest goes to the dear one."""
    asked = workload(served=LLAMA_70B, model={"name": "x", "precision": "FP8"})
    where = fleet(pool("h200", H200, price=4.0), pool("a100", A100, nodes=8, price=9.0))
    full = 8 / 2 * rate_of(where, asked, "h200")
    made = plan(where, [dataclasses.replace(asked, demand=dataclasses.replace(asked.demand, requests_per_second=full))])
    assert {p.candidate.accelerator for p in made.placements} == {"nvidia-h200-sxm", "nvidia-a100-sxm-80"}
    assert not made.shortfalls


def test_a_tpu_slice_is_taken_whole() -> None:
    """Eight chips, one replica; a slice that others hold in part is no place."""
    asked = workload(placement={"accelerators": {"allow": {"classes": ["TPU"]}}}, replicas=3)
    slices = [*hosts(2, 8, is_whole=True), host("taken", 8, is_whole=True, available_chips=4)]
    made = plan(fleet(pool("tpu", TPU_V6E, nodes=slices), pool("gpu")), [asked])
    (placement,) = made.placements
    assert (placement.candidate.shape.key, placement.replicas) == ("vllmtpu-bf16-tp8", 2)
    (short,) = made.shortfalls
    assert (short.replicas, short.cause) == (1, "tpu")
    assert "1 node of 8 × google-tpu-v6e" in short.remedy


def test_a_model_for_neuron_only_goes_to_neuron() -> None:
    """By the engine asked for."""
    asked = workload(serving={"engine": "VLLMNeuron"})
    made = plan(fleet(pool("gpu"), pool("trn", TRAINIUM2, nodes=hosts(1, 16), price=9.0)), [asked])
    assert replicas(made) == {("chat", "trn"): 1}
    assert [r.rule for r in made.rejections] == ["engine"]


def test_a_service_takes_everything_when_it_is_cheaper_and_no_replica_is_demanded() -> None:
    """Tokens at a price that chips cannot meet."""
    asked = workload(rate=5.0, scaling={"minReplicas": 0})
    made = plan(fleet(pool(), external_pool(prices=(0.01, 0.01))), [asked])
    assert replicas(made) == {("chat", "hosted"): 10}


def test_nothing_wanted_is_nothing_planned() -> None:
    """No load and no minimum, no replica and no shortfall."""
    made = plan(fleet(pool()), [workload(rate=0.0, scaling={"minReplicas": 0})])
    assert not made.placements
    assert not made.shortfalls
    assert plan(fleet(pool()), []) == Plan()


def test_a_minimum_is_kept_without_load() -> None:
    """Two, although one would do."""
    made = plan(fleet(pool()), [workload(rate=0.0, scaling={"minReplicas": 2})])
    assert replicas(made) == {("chat", "pool"): 2}


def test_a_count_set_from_outside_is_planned_as_it_is() -> None:
    """The rate is then not planned for, and no service stands in for a replica."""
    where = fleet(pool(), external_pool(prices=(0.001, 0.001)))
    assert replicas(plan(where, [workload(rate=500.0, replicas=3)])) == {("chat", "pool"): 3}
    assert not plan(where, [workload(rate=500.0, replicas=0)]).placements


def test_replicas_are_spread_over_regions() -> None:
    """Two regions, although the second is dear."""
    where = fleet(pool("eu", price=2.0), pool("us", price=9.0, region="us-central1"))
    made = plan(where, [workload(rate=0.1, placement={"minRegions": 2})])
    assert replicas(made) == {("chat", "eu"): 1, ("chat", "us"): 1}


def test_replicas_are_spread_over_zones_and_the_plan_says_which() -> None:
    """Zones are told where they matter."""
    nodes = [host("a", zone="a"), host("b", zone="b"), host("c", zone="c")]
    made = plan(fleet(pool(nodes=nodes)), [workload(rate=0.1, placement={"minZones": 3})])
    assert [(placement.zone, placement.replicas) for placement in made.placements] == [("a", 1), ("b", 1), ("c", 1)]
    assert [placement.zone for placement in plan(fleet(pool(nodes=nodes)), [workload()]).placements] == [""]


def test_no_region_holds_more_than_its_share() -> None:
    """Half and half, although one region is cheaper."""
    where = fleet(pool("eu", L4, nodes=hosts(9, 1), price=1.0), pool("us", L4, nodes=hosts(9, 1), region="us-east1"))
    one = rate_of(where, workload(), "eu")
    made = plan(where, [workload(rate=one * 3.5, placement={"maxRegionShare": "0.5"})])
    assert replicas(made) == {("chat", "eu"): 2, ("chat", "us"): 2}


def test_a_preferred_region_is_worth_a_quarter_more_and_not_a_third() -> None:
    """Weight 100 bears a quarter; weight 20 a twentieth."""
    asked = workload(placement={"regions": {"preferred": [{"name": "us-east1", "weight": 100}]}})
    cheap = pool("eu", price=4.0)
    assert replicas(plan(fleet(cheap, pool("us", price=4.9, region="us-east1")), [asked])) == {("chat", "us"): 1}
    assert replicas(plan(fleet(cheap, pool("us", price=5.3, region="us-east1")), [asked])) == {("chat", "eu"): 1}
    mild = workload(placement={"regions": {"preferred": [{"name": "us-east1", "weight": 20}]}})
    assert replicas(plan(fleet(cheap, pool("us", price=4.3, region="us-east1")), [mild])) == {("chat", "eu"): 1}


def test_the_order_of_explicit_shapes_breaks_a_tie_and_nothing_else() -> None:
    """Equal cost: the first; cheaper: the second."""
    both = [{"name": "first", "args": ["--a"]}, {"name": "second", "args": ["--b"]}]
    made = plan(fleet(pool()), [workload(serving={"shapes": both})])
    assert made.placements[0].candidate.shape.name == "first"
    wide = [{"name": "wide", "tensorParallelism": 4}, {"name": "narrow"}]
    made = plan(fleet(pool()), [workload(serving={"shapes": wide})])
    assert made.placements[0].candidate.shape.name == "narrow"


def test_what_runs_is_not_moved_for_a_gain_smaller_than_the_move() -> None:
    """Ten minutes of a replica's price have to be earned back within an hour."""
    asked = workload()
    before = plan(fleet(pool("old", price=5.0)), [asked])
    where = fleet(pool("old", price=5.0), pool("new", price=4.5))
    assert replicas(plan(where, [started(asked, before)])) == {("chat", "old"): 1}
    cheaper = fleet(pool("old", price=5.0), pool("new", price=4.0))
    assert replicas(plan(cheaper, [started(asked, before)])) == {("chat", "new"): 1}


def test_what_runs_where_it_may_no_longer_is_moved_whatever_it_costs() -> None:
    """A rule is no preference."""
    asked = workload(compliance={"residency": {"jurisdictions": ["EU"]}})
    here = (Running("us", "vllm-bf16-tp1", 1, 1),)
    where = fleet(pool("eu", price=50.0), pool("us", price=1.0, region="us-east1"))
    assert replicas(plan(where, [dataclasses.replace(asked, running=here)])) == {("chat", "eu"): 1}


def test_what_runs_on_another_engine_stays_when_auto_would_now_choose_differently() -> None:
    """The shape that runs is always tried."""
    here = (Running("pool", "sglang-bf16-tp1", 1, 1),)
    made = plan(fleet(pool()), [workload(running=here)])
    assert [p.candidate.shape.key for p in made.placements] == ["sglang-bf16-tp1"]


def test_a_plan_that_runs_is_planned_again_as_it_is() -> None:
    """Nothing changed, nothing moves."""
    where = fleet(pool("eu", H100, nodes=3), pool("us", A100, nodes=3, region="us-east1", price=2.0), external_pool())
    asked = [workload(f"w{i}", rate=7.0 * (i + 1)) for i in range(4)]
    first = plan(where, asked)
    again = plan(where, [started(w, first) for w in asked])
    assert replicas(again) == replicas(first)


def test_a_larger_replica_waits_for_a_node_that_is_free_enough() -> None:
    """Two nodes half full of ours hold no replica of eight chips, although sixteen chips are not others'."""
    small = Running("pool", "small-vllm-bf16-tp4", 2, 2)
    one = {"shapes": [{"name": "small", "tensorParallelism": 4}]}
    eight = {"shapes": [{"name": "large", "tensorParallelism": 8}]}
    nodes = [host("a", free_chips=4), host("b", free_chips=4)]
    made = plan(
        fleet(pool(nodes=nodes)),
        [
            workload("small", replicas=2, serving=one, running=[small], priority=1),
            workload("large", replicas=1, serving=eight),
        ],
    )
    assert replicas(made) == {("small", "pool"): 2}
    assert [s.workload.name for s in made.shortfalls] == ["large"]
    assert made.bound <= made.objective


def test_a_replica_that_leaves_makes_room_on_its_own_node() -> None:
    """The lower priority goes, and its node takes the larger replica."""
    small = Running("pool", "small-vllm-bf16-tp4", 1, 1)
    four = {"shapes": [{"name": "small", "tensorParallelism": 4}]}
    eight = {"shapes": [{"name": "large", "tensorParallelism": 8}]}
    asked = [
        workload("small", replicas=1, serving=four, running=[small]),
        workload("large", replicas=1, serving=eight, priority=1),
    ]
    made = plan(fleet(pool(nodes=[host("a", free_chips=4)])), asked)
    assert replicas(made) == {("large", "pool"): 1}


def test_order_of_pools_nodes_and_deployments_changes_nothing() -> None:
    """Equal worlds, equal plans."""
    pools = [
        pool("h100", nodes=[host("a"), host("b", available_chips=4)]),
        pool("mi300x", MI300X, price=4.0, region="us-east1"),
        pool("spot", A100, capacity_type=CapacityType.SPOT, price=1.5),
        external_pool(),
    ]
    asked = [workload(f"w{i}", rate=4.0 * (i + 1)) for i in range(5)]
    turned = [dataclasses.replace(p, hosts=p.hosts[::-1]) for p in reversed(pools)]
    assert plan(fleet(*pools), asked) == plan(fleet(*turned), asked[::-1])


def test_headroom_is_what_fits_on_free_chips_where_the_plan_is() -> None:
    """Other pools do not count."""
    where = fleet(pool("cheap", price=1.0), pool("dear", price=9.0), external_pool(prices=(9.0, 9.0)))
    asked = workload()
    made = plan(where, [asked])
    ((placement, more),) = headroom(where, made, asked.key)
    assert placement.place.pool == "cheap"
    assert more == 8 // placement.candidate.shape.chips


def test_headroom_of_a_service_is_what_is_left_of_its_tokens() -> None:
    """In tenths of the demand."""
    where = fleet(external_pool(tokens_per_second=300.0))
    asked = workload(rate=2.0)
    made = plan(where, [asked])
    ((_, more),) = headroom(where, made, asked.key)
    assert made.placements[0].replicas == 7
    assert more == 0


def test_every_refused_candidate_is_in_the_plan() -> None:
    """A refused pool once, by the first rule; on other pools every refused shape, also beside one that is admitted."""
    asked = workload(
        served=LLAMA_70B,
        placement={"regions": {"required": ["us-east1"]}},
        compliance={"residency": {"jurisdictions": ["US"]}},
    )
    where = fleet(pool("eu"), pool("us", region="us-east1"))
    told = [(r.pool, r.shape_key, r.rule) for r in plan(where, [asked]).rejections]
    assert told == [("eu", "", "residency"), ("us", "vllm-bf16-tp1", "memory"), ("us", "vllm-bf16-tp2", "memory")]


def test_who_goes_short_has_what_a_smaller_one_leaves_whoever_leaves() -> None:
    """One of two small replicas goes, from the large node or from the small one: either way two large ones fit."""

    def sized(name: str, chips: int, count: int, *running: Running) -> Workload:
        shape = {"name": f"x{chips}", "accelerator": H100.name, "precision": "BF16", "tensorParallelism": chips}
        serving = {"shapes": [{**shape, "engine": "VLLM"}]}
        return workload(name, rate=0.0, replicas=count, running=running, serving=serving)

    nodes = [host("n0", 8, free_chips=7), host("n1", 8, available_chips=4, free_chips=3), host("n2", 1)]
    small = sized("small", 1, 1, Running("pool", "x1-vllm-bf16-tp1", 2, 2, ("n0", "n1")))
    made = plan(fleet(pool(nodes=nodes)), [sized("large", 4, 3), small])
    assert replicas(made) == {("large", "pool"): 2, ("small", "pool"): 1}
    assert [short.replicas for short in made.shortfalls] == [1]
