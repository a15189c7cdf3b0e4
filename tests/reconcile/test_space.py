"""Room to grow between two plans, beside what is planned and not bound yet."""

from quartermaster.api.v1alpha1.enums import EngineName, Precision
from quartermaster.planner.candidate import Candidate, Throughput
from quartermaster.planner.fleet import Key, Running, Shape, Source
from quartermaster.planner.plan import Placement, Plan
from quartermaster.reconcile.space import Space
from tests.planner.builders import fleet, host, pool, workload

RATE = Throughput(1.0, 200.0, 0.1, 0.01, 8, 10_000, Source.ESTIMATED)


def placement(name: str, chips: int, replicas: int, *, zone: str = "") -> Placement:
    """Return a placement of replicas with so many chips in the pool, in one zone or in any."""
    shape = Shape(EngineName.VLLM, Precision.BF16, chips)
    key = Key("default", name)
    return Placement(Candidate(key, "pool", "local", "us-east-1", "nvidia-h100-sxm", shape, RATE, 1.0), replicas, zone)


def room(space: Space, name: str) -> list[int]:
    """Return how many more replicas of the deployment fit."""
    return list(space.room_for(Key("default", name)).values())


def test_growth_leaves_the_places_of_those_who_are_planned_and_not_bound() -> None:
    """Two nodes with six free chips each: a waiting replica of four needs one place, so two or four small ones fit."""
    hosts = (host("a", 8, free_chips=6), host("b", 8, free_chips=6))
    runs = workload("small", running=(Running("pool", "vllm-bf16-tp2", 2, 2, ("a", "b")),))
    large, small = placement("large", 4, 1), placement("small", 2, 2)
    space = Space(fleet(pool("pool", nodes=hosts)), Plan((large, small)), [runs])
    assert room(space, "small") == [4]
    assert room(space, "large") == [1]
    space.become(small.candidate.workload, (placement("small", 2, 4),))
    assert room(space, "small") == [2], "two more are planned, and take their places"
    assert room(space, "large") == [1], "the larger one finds its node before those that are planned"
    assert space.placements == (large, placement("small", 2, 4))


def test_growth_in_a_zone_is_on_its_hosts_alone() -> None:
    """Four more of two chips fit in one zone and one in the other, whatever is free elsewhere."""
    hosts = (host("a", 8, zone="a"), host("b", 8, free_chips=2, zone="b"))
    plan = Plan(tuple(placement("small", 2, 0, zone=zone) for zone in "ab"))
    assert room(Space(fleet(pool("pool", nodes=hosts)), plan, []), "small") == [4, 1]


def test_who_waits_in_one_zone_takes_no_place_in_another() -> None:
    """Who may land in any zone takes one in each, since it may be put there."""
    hosts = (host("a", 8, zone="a"), host("b", 8, zone="b"))
    small = tuple(placement("small", 2, 0, zone=zone) for zone in "ab")
    where = fleet(pool("pool", nodes=hosts))
    assert room(Space(where, Plan((placement("large", 4, 1, zone="a"), *small)), []), "small") == [2, 4]
    assert room(Space(where, Plan((placement("large", 4, 1), *small)), []), "small") == [2, 2]


def test_replicas_that_are_bound_in_their_zone_are_not_counted_twice() -> None:
    """One sits in each zone; the chips that it holds are not free, and it waits for none."""
    hosts = (host("a", 8, free_chips=4, zone="a"), host("b", 8, free_chips=4, zone="b"))
    rows = tuple(Running("pool", "vllm-bf16-tp4", 1, 1, (zone,), zone) for zone in "ab")
    plan = Plan(tuple(placement("chat", 4, 1, zone=zone) for zone in "ab"))
    space = Space(fleet(pool("pool", nodes=hosts)), plan, [workload("chat", running=rows)])
    assert room(space, "chat") == [1, 1]
    space.become(Key("default", "chat"), (placement("chat", 4, 2, zone="a"), placement("chat", 4, 1, zone="b")))
    assert room(space, "chat") == [0, 1]


def test_a_plan_that_nobody_changes_stays_the_very_same() -> None:
    """What is as it was costs nothing."""
    plan = Plan((placement("large", 4, 1), placement("small", 2, 2)))
    space = Space(fleet(pool("pool", nodes=2)), plan, [])
    space.become(Key("default", "small"), (placement("small", 2, 2),))
    assert space.placements is plan.placements
