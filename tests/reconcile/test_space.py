"""Room to grow between two plans, beside what is planned and not bound yet."""

from quartermaster.api.v1alpha1.enums import EngineName, Precision
from quartermaster.planner.candidate import Candidate, Throughput
from quartermaster.planner.fleet import Key, Running, Shape, Source
from quartermaster.planner.plan import Placement, Plan
from quartermaster.reconcile.space import Space
from tests.planner.builders import fleet, host, pool, workload

RATE = Throughput(1.0, 200.0, 0.1, 0.01, 8, 10_000, Source.ESTIMATED)


def placement(name: str, chips: int, replicas: int) -> Placement:
    """Return a placement of replicas with so many chips in the pool."""
    shape = Shape(EngineName.VLLM, Precision.BF16, chips)
    key = Key("default", name)
    return Placement(Candidate(key, "pool", "local", "us-east-1", "nvidia-h100-sxm", shape, RATE, 1.0), replicas)


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


def test_a_plan_that_nobody_changes_stays_the_very_same() -> None:
    """What is as it was costs nothing."""
    plan = Plan((placement("large", 4, 1), placement("small", 2, 2)))
    space = Space(fleet(pool("pool", nodes=2)), plan, [])
    space.become(Key("default", "small"), (placement("small", 2, 2),))
    assert space.placements is plan.placements
