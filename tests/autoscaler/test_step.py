"""One replica more or one less: which one."""

from dataclasses import replace

from quartermaster.autoscaler import step
from quartermaster.autoscaler.limits import Limits
from quartermaster.planner.plan import Placement
from tests.autoscaler.build import candidate, external, placement

LIMITS = Limits()
SMALL = placement(1, "near", rate=2.0, dollars=3.0)  # 1.50 dollars per request/s
BIG = placement(1, "big", rate=10.0, dollars=10.0)  # 1.00 dollar per request/s


def room(*placements: Placement, each: int = 10) -> step.Room:
    """Return room for as many more replicas of each placement."""
    return {one.candidate.id: each for one in placements}


def grown(gap: float, free: step.Room, *, slots: int = 10) -> tuple[int, int] | None:
    """Return the counts of small and big after one step."""
    found = step.more((SMALL, BIG), gap, room=free, slots=slots, limits=LIMITS)
    return None if found is None else (found[0][0].replicas, found[0][1].replicas)


def test_a_wide_gap_takes_the_cheapest_per_capacity() -> None:
    """Nineteen requests per second cost twenty dollars on the big chip and thirty on the small."""
    assert grown(19.0, room(SMALL, BIG)) == (1, 2)


def test_a_narrow_gap_takes_the_cheapest_that_closes_it() -> None:
    """One request per second is three dollars on the small chip and ten on the big."""
    assert grown(1.0, room(SMALL, BIG)) == (2, 1)


def test_with_few_replicas_left_the_one_with_the_most_capacity_is_taken() -> None:
    """Three requests per second in one replica."""
    assert grown(3.0, room(SMALL, BIG), slots=1) == (1, 2)


def test_without_room_nothing_is_added() -> None:
    """Neither in full pools nor in those that were not asked about."""
    assert grown(1.0, room(SMALL, BIG, each=0)) is None
    assert grown(1.0, {}) is None


def test_shapes_of_one_pool_share_its_chips() -> None:
    """A replica of four chips takes the room of two replicas of two."""
    two, four = (Placement(candidate("near", rate=1.0 * chips, chips=chips), 1) for chips in (2, 4))
    found = step.more((two, four), 4.0, room={two.candidate.id: 4, four.candidate.id: 2}, slots=1, limits=LIMITS)
    assert found is not None
    assert found[0][1].replicas == 2
    assert found[1] == {two.candidate.id: 2, four.candidate.id: 1}


def test_external_placements_are_left_as_they_are() -> None:
    """They hold no replicas of ours: neither more nor fewer."""
    hosted = external(3)
    assert step.more((hosted,), 5.0, room=room(hosted), slots=5, limits=LIMITS) is None
    assert step.fewer((hosted,), 0.0, ready_by_place={}, limits=LIMITS) is None


def test_the_budget_leads_to_what_it_can_pay() -> None:
    """The big replica is the better buy, and too dear."""
    found = step.more((SMALL, BIG), 19.0, room=room(SMALL, BIG), slots=9, limits=Limits(max_dollars_per_hour=17.0))
    assert found is not None
    assert [one.replicas for one in found[0]] == [2, 1]


def ready(*placements: Placement) -> dict[tuple[str, str], int]:
    """Return every planned replica as ready."""
    return {(one.candidate.pool, one.candidate.shape.key): one.replicas for one in placements}


def test_the_dearest_per_capacity_goes_first() -> None:
    """Both could go; the small one costs more per request."""
    found = step.fewer((SMALL, BIG), 2.0, ready_by_place=ready(SMALL, BIG), limits=LIMITS)
    assert found is not None
    assert [one.replicas for one in found] == [0, 1]


def test_where_the_dearest_is_needed_the_next_may_go() -> None:
    """A dear big replica that is needed does not protect a cheap small one that is not."""
    dear = replace(BIG, candidate=replace(BIG.candidate, dollars_per_hour=90.0))
    found = step.fewer((SMALL, dear), 9.0, ready_by_place=ready(SMALL, dear), limits=LIMITS)
    assert found is not None
    assert [one.replicas for one in found] == [0, 1]


def test_what_is_needed_stays() -> None:
    """Neither may go when both are needed."""
    assert step.fewer((SMALL, BIG), 11.0, ready_by_place=ready(SMALL, BIG), limits=LIMITS) is None


def test_replicas_that_never_came_up_do_not_count_as_what_is_left() -> None:
    """Of three planned one is ready: the two others may go, the ready one may not."""
    three = placement(3)
    one_ready = {(three.candidate.pool, three.candidate.shape.key): 1}
    two = step.fewer((three,), 5.0, ready_by_place=one_ready, limits=LIMITS)
    assert two is not None
    one = step.fewer(two, 5.0, ready_by_place=one_ready, limits=LIMITS)
    assert one is not None
    assert step.fewer(one, 5.0, ready_by_place=one_ready, limits=LIMITS) is None


def test_zones_are_kept_even() -> None:
    """A replica comes to the emptiest zone, and leaves the fullest; the plan's order of zones stays."""
    zoned = replace(placement(3), zones=(("b", 2), ("a", 1)))
    found = step.more((zoned,), 1.0, room=room(zoned), slots=9, limits=LIMITS)
    assert found is not None
    assert found[0][0].zones == (("b", 2), ("a", 2))
    shrunk = step.fewer((zoned,), 0.0, ready_by_place=ready(zoned), limits=LIMITS)
    assert shrunk is not None
    assert shrunk[0].zones == (("b", 1), ("a", 1))
