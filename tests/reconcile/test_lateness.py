"""A plan that may not be sought for long is a plan all the same, with a bound that holds."""

from typing import Any

from quartermaster.catalog.load import load_catalog
from quartermaster.planner.plan import Plan
from quartermaster.planner.planning import GOAL_FRACTION
from quartermaster.planner.solver.solve import never
from quartermaster.reconcile.decide import decide
from quartermaster.reconcile.outcome import Memory, Outcome
from quartermaster.reconcile.planned import MOST_RESUMPTIONS, planned
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


def cut_off() -> World:
    """Return a world at rest whose plan is one that was late at once."""
    world = crowded()
    world.is_late = Patience(0).is_late
    world.settle()
    assert world.memory.plan is not None
    assert world.memory.plan.gap_fraction > GOAL_FRACTION
    return world


def reasons_of(world: World, minutes: int) -> list[str]:
    """Return why plans were made while so many minutes went by."""
    outcomes = [world.turn(seconds=20.0) for _ in range(3 * minutes)]
    return [outcome.plan_reason for outcome in outcomes if outcome.has_replanned]


def test_a_search_that_was_cut_off_is_taken_up_again_by_itself() -> None:
    """Though nothing has changed: at the slow period, and with time enough it comes to its end."""
    world = cut_off()
    before = world.memory.plan
    world.is_late = never
    assert reasons_of(world, 4) == ["SearchCutOff", *["PeriodOver"] * 2]
    after = world.memory.plan
    assert before is not None
    assert after is not None
    assert after.gap_fraction <= GOAL_FRACTION < before.gap_fraction
    assert before.bound <= after.bound


def test_a_search_that_is_cut_off_every_time_is_given_up() -> None:
    """A world at rest is planned on a few times only, is never worse for it, and comes to rest again."""
    world = cut_off()
    before = world.memory.plan
    assert before is not None
    asked = Patience(0)
    world.is_late = asked.is_late
    reasons = reasons_of(world, 8)
    assert reasons.count("SearchCutOff") == MOST_RESUMPTIONS
    plan = world.memory.plan
    assert plan is not None
    assert plan.bound >= before.bound
    questions = asked.asked
    assert set(reasons_of(world, 4)) == {"PeriodOver"}
    assert asked.asked == questions
    assert world.turn().is_settled


def test_a_change_lets_a_search_be_taken_up_again_anew() -> None:
    """What was given up for one world is sought in the next."""
    world = cut_off()
    reasons_of(world, 8)
    world.create(wish("further", priority=1))
    world.settle()
    assert reasons_of(world, 8).count("SearchCutOff") == MOST_RESUMPTIONS
