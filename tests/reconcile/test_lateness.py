"""A plan that may not be sought for long is a plan all the same, with a bound that holds."""

from typing import Any

from quartermaster.catalog.load import load_catalog
from quartermaster.planner.plan import Plan
from quartermaster.reconcile.decide import decide
from quartermaster.reconcile.outcome import Memory, Outcome
from quartermaster.reconcile.planned import planned
from tests.lab import fleet
from tests.reconcile.test_decide import EU, US, h100, wish
from tests.reconcile.world import World


class Patience:
    """Is late once it was asked so many times."""

    def __init__(self, questions: int) -> None:
        """Nobody has asked yet."""
        self.questions = questions
        self.asked = 0

    def is_late(self) -> bool:
        """Count, and answer."""
        self.asked += 1
        return self.asked > self.questions


def crowded() -> World:
    """Return a world in which deployments of several sizes contend for chips of three makers."""
    world = World()
    world.create(*h100(EU, 3), *h100(US, 2))
    world.create(*fleet.nodes(accelerator="nvidia-l4", platform="gke", region=EU, count=6))
    for number in range(8):
        rate: dict[str, Any] = {"inputTokens": 800, "outputTokens": 200, "requestsPerSecond": str(4 + 5 * number)}
        world.create(wish(f"wish-{number}", traffic=rate, priority=number % 3))
    return world


def plan_of(world: World, patience: Patience) -> Plan:
    """Return the plan that is found within the patience."""
    look = world.look()
    made = planned(look, Memory(), catalog=load_catalog(), plan_seconds=60.0, is_late=patience.is_late)
    return made.plan


def test_whoever_is_late_at_once_has_a_plan_with_a_true_bound() -> None:
    """The bound of a search that is cut off anywhere is not above what the whole search finds."""
    world = crowded()
    whole = Patience(10**9)
    best = plan_of(world, whole)
    assert whole.asked > 1
    assert not best.shortfalls
    for questions in {0, 1, 2, 5, whole.asked // 2}:
        found = plan_of(world, Patience(questions))
        assert found.placements
        assert found.bound <= best.objective + 1e-6
        assert best.bound <= found.objective + 1e-6
        assert found.bound <= found.objective


def test_the_decision_hands_on_when_it_is_late() -> None:
    """A search that is cut off in the midst of a decision leads to children and statuses as any other."""
    world, patience = crowded(), Patience(0)
    outcome: Outcome = decide(
        world.look(), Memory(), catalog=load_catalog(), plan_seconds=60.0, is_late=patience.is_late
    )
    assert patience.asked
    assert outcome.has_replanned
    assert len(outcome.statuses) == len(world.of("InferenceDeployment"))
    assert outcome.apply


def test_no_clock_is_asked_where_no_plan_is_made() -> None:
    """A settled world is looked at without a search that could be late."""
    world, patience = crowded(), Patience(0)
    world.settle()
    decide(world.look(), world.memory, catalog=load_catalog(), plan_seconds=60.0, is_late=patience.is_late)
    assert patience.asked == 0
