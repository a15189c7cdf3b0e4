"""One replica more or one less: which one."""

from dataclasses import replace

from quartermaster.autoscaler import step
from quartermaster.autoscaler.limits import Limits
from quartermaster.planner.fleet import Place
from quartermaster.planner.plan import Placement
from tests.autoscaler.build import candidate, external, placement

LIMITS = Limits()
SMALL = placement(1, "near", rate=2.0, dollars=3.0)  # 1.50 dollars per request/s
BIG = placement(1, "big", rate=10.0, dollars=10.0)  # 1.00 dollar per request/s


def room(*placements: Placement, each: int = 10) -> step.Room:
    """Return room for as many more replicas of each placement."""
    return {one.id: each for one in placements}


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
    found = step.more((two, four), 4.0, room={two.id: 4, four.id: 2}, slots=1, limits=LIMITS)
    assert found is not None
    assert found[0][1].replicas == 2
    assert found[1] == {two.id: 2, four.id: 1}


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


def ready(*placements: Placement) -> dict[Place, int]:
    """Return every planned replica as ready."""
    return {one.place: one.replicas for one in placements}


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
    one_ready = {three.place: 1}
    two = step.fewer((three,), 5.0, ready_by_place=one_ready, limits=LIMITS)
    assert two is not None
    one = step.fewer(two, 5.0, ready_by_place=one_ready, limits=LIMITS)
    assert one is not None
    assert step.fewer(one, 5.0, ready_by_place=one_ready, limits=LIMITS) is None


FULL, BARE = placement(2, zone="b"), placement(1, zone="a")


def test_a_replica_comes_to_the_emptiest_zone_and_leaves_the_fullest() -> None:
    """Of zones that cost the same; the order of the plan's placements stays."""
    found = step.more((FULL, BARE), 1.0, room=room(FULL, BARE), slots=9, limits=LIMITS)
    assert found is not None
    assert [(one.zone, one.replicas) for one in found[0]] == [("b", 2), ("a", 2)]
    shrunk = step.fewer((FULL, BARE), 0.0, ready_by_place=ready(FULL, BARE), limits=LIMITS)
    assert shrunk is not None
    assert [(one.zone, one.replicas) for one in shrunk] == [("b", 1), ("a", 1)]


def test_a_full_zone_sends_the_replica_to_the_next() -> None:
    """Even is wished for; capacity is what is needed."""
    found = step.more((FULL, BARE), 1.0, room={FULL.id: 1, BARE.id: 0}, slots=9, limits=LIMITS)
    assert found is not None
    assert [one.replicas for one in found[0]] == [3, 1]


def test_a_zone_takes_no_room_from_another_but_from_what_may_be_in_any() -> None:
    """Each zone has chips of its own; those that may be anywhere share them."""
    loose = placement(1)
    found = step.more((FULL, BARE, loose), 1.0, room={FULL.id: 4, BARE.id: 4, loose.id: 0}, slots=9, limits=LIMITS)
    assert found is not None
    assert found[1] == {FULL.id: 4, BARE.id: 3, loose.id: 0}
    found = step.more((FULL, BARE, loose), 1.0, room={FULL.id: 4, BARE.id: 4, loose.id: 8}, slots=9, limits=LIMITS)
    assert found is not None
    assert found[0][2].replicas == 2
    assert found[1] == {FULL.id: 3, BARE.id: 3, loose.id: 7}


def test_zones_close_a_gap_together() -> None:
    """Two more of the cheap chip fit in one zone and one in the other: that is enough, so the dear one is not taken."""
    dear = placement(1, "dear", rate=15.0, dollars=90.0)
    free = {FULL.id: 2, BARE.id: 1, dear.id: 9}
    found = step.more((FULL, BARE, dear), 15.0, room=free, slots=9, limits=LIMITS)
    assert found is not None
    assert [one.replicas for one in found[0]] == [2, 2, 1]
