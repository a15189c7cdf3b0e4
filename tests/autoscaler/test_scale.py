"""Scaling: up at once, down only after the whole delay on whole signals, inside every bound."""

from dataclasses import replace

from quartermaster.autoscaler.capacity import capacity, replicas
from quartermaster.autoscaler.hold import ScaleState
from quartermaster.autoscaler.limits import Limits
from quartermaster.autoscaler.scale import Scaled, Verdict, scale
from quartermaster.autoscaler.want import Wanted
from quartermaster.planner.plan import Placement
from tests.autoscaler.build import external, placement, wanted

LIMITS = Limits(min_replicas=1, max_replicas=10, scale_down_delay_seconds=300)


def scaled(
    placements: tuple[Placement, ...],
    wish: Wanted,
    *,
    limits: Limits = LIMITS,
    free: int = 100,
    state: ScaleState | None = None,
) -> Scaled:
    """Return one tick with room for ``free`` more replicas of each placement."""
    room = {one.id: free for one in placements}
    return scale(placements, wish, limits=limits, free_replicas_by_id=room, state=state)


def after(placements: tuple[Placement, ...], wishes: list[Wanted], *, limits: Limits = LIMITS) -> Scaled:
    """Return the last of several ticks; each starts from the counts of the one before."""
    state: ScaleState | None = None
    for wish in wishes:
        found = scaled(placements, wish, limits=limits, state=state)
        placements, state = found.placements, found.state
    return found


def test_capacity_is_raised_in_one_tick() -> None:
    """From five to 22 requests per second: five replicas at once."""
    found = scaled((placement(1),), wanted(22.0))
    assert replicas(found.placements) == 5
    assert found.verdict is Verdict.RAISED
    assert not found.needs_replan
    assert "from 1 to 5 replicas" in found.reason


def test_capacity_is_scaled_and_not_a_count() -> None:
    """Where one chip bears five times the other, one replica of it is enough."""
    found = scaled((placement(1), placement(1, "big", rate=25.0, dollars=10.0)), wanted(50.0))
    assert [one.replicas for one in found.placements] == [1, 2]


def test_full_pools_ask_for_a_new_plan_with_what_is_wanted() -> None:
    """What fits is taken at once, the rest is the planner's."""
    found = scaled((placement(1),), wanted(22.0), free=2)
    assert replicas(found.placements) == 3
    assert found.needs_replan
    assert found.requests_per_second == 22.0
    full = scaled(found.placements, wanted(30.0), free=0)
    assert full.verdict is Verdict.FULL
    assert full.needs_replan
    assert "no pool of the plan has room" in full.reason


def test_a_full_fleet_is_not_planned_anew_at_every_tick() -> None:
    """Asked again after a while, or when clearly more is wanted, or after it was once enough."""
    first = scaled((placement(1),), wanted(22.0), free=0)
    again = scaled((placement(1),), wanted(22.0, at_seconds=2.0), free=0, state=first.state)
    more = scaled((placement(1),), wanted(26.0, at_seconds=4.0), free=0, state=again.state)
    later = scaled((placement(1),), wanted(26.0, at_seconds=34.0), free=0, state=more.state)
    eased = scaled((placement(1),), wanted(2.0, at_seconds=36.0), free=0, state=later.state)
    anew = scaled((placement(1),), wanted(22.0, at_seconds=38.0), free=0, state=eased.state)
    asked = [one.needs_replan for one in (first, again, more, later, eased, anew)]
    assert asked == [True, False, True, True, False, True]


def test_the_maximum_is_never_exceeded_and_said() -> None:
    """Ten replicas bear fifty; eighty are wanted."""
    found = scaled((placement(1),), wanted(80.0))
    assert replicas(found.placements) == 10
    told = scaled(found.placements, wanted(80.0))
    assert told.verdict is Verdict.AT_MAXIMUM
    assert "maxReplicas is reached" in told.reason


def test_a_maximum_that_was_lowered_is_kept_at_once() -> None:
    """Somebody said so; the dearest per capacity go first."""
    dear, cheap = placement(6, dollars=9.0), placement(6, "far", dollars=1.0)
    found = scaled((dear, cheap), wanted(60.0, complete=False), limits=replace(LIMITS, max_replicas=8))
    assert [one.replicas for one in found.placements] == [2, 6]


def test_the_minimum_is_kept_without_any_load() -> None:
    """Also while nothing was ever observed."""
    found = scaled((placement(1),), wanted(0.0, observed=False), limits=replace(LIMITS, min_replicas=3))
    assert replicas(found.placements) == 3


def test_a_minimum_without_room_asks_for_a_new_plan() -> None:
    """The pools of the plan are full."""
    found = scaled((placement(1),), wanted(0.0), limits=replace(LIMITS, min_replicas=3), free=1)
    assert replicas(found.placements) == 2
    assert found.needs_replan


def test_the_plans_counts_stand_until_load_was_observed() -> None:
    """A new deployment is not scaled by silence, however long."""
    wishes = [wanted(0.0, at_seconds=100.0 * i, observed=False) for i in range(20)]
    found = after((placement(4),), wishes)
    assert replicas(found.placements) == 4
    assert found.verdict is Verdict.NOT_OBSERVED


def test_no_replica_at_all_stays_so() -> None:
    """What is not placed has nobody to ask; leaving zero is the plan's."""
    found = scaled((placement(0),), wanted(5.0), limits=replace(LIMITS, min_replicas=0))
    assert replicas(found.placements) == 0
    assert not found.needs_replan


def test_capacity_is_lowered_when_the_delay_has_passed_and_not_before() -> None:
    """Ten replicas, load gone: all stay for 300 s, then the minimum."""
    quiet = [wanted(0.0, at_seconds=2.0 * i) for i in range(151)]
    assert replicas(after((placement(10),), quiet[:150]).placements) == 10
    found = after((placement(10),), quiet)
    assert replicas(found.placements) == 1
    assert found.verdict is Verdict.LOWERED


def test_the_last_replica_stays_even_where_the_minimum_is_zero() -> None:
    """Once it is gone, no request is seen that could ask for it."""
    quiet = [wanted(0.0, at_seconds=0.0), wanted(0.0, at_seconds=300.0)]
    assert replicas(after((placement(4),), quiet, limits=replace(LIMITS, min_replicas=0)).placements) == 1


def test_what_is_left_must_have_borne_the_peak_of_the_delay_with_room_to_spare() -> None:
    """A peak of nine in capacity needs twelve after lowering: three replicas of five, not two."""
    wishes = [wanted(1.0, at_seconds=0.0), wanted(9.0, at_seconds=150.0), wanted(1.0, at_seconds=300.0)]
    assert replicas(after((placement(10),), wishes).placements) == 3


def test_missing_signals_never_lower_and_start_the_delay_anew() -> None:
    """One gap after 298 quiet seconds costs another whole delay."""
    wishes = [wanted(0.0, at_seconds=2.0 * i, complete=i != 149) for i in range(290)]
    held = after((placement(10),), wishes)
    assert replicas(held.placements) == 10
    wishes += [wanted(0.0, at_seconds=2.0 * i) for i in range(290, 301)]
    assert replicas(after((placement(10),), wishes).placements) == 1


def test_missing_signals_are_named() -> None:
    """For the status."""
    found = scaled((placement(2),), wanted(0.0, complete=False))
    assert found.verdict is Verdict.SIGNALS_MISSING
    assert found.signals == "no fresh metrics from 1 of 2 ready replicas"


def test_missing_signals_do_not_stop_a_rise() -> None:
    """What is seen counts upwards."""
    assert replicas(scaled((placement(1),), wanted(22.0, complete=False)).placements) == 5


def test_a_declared_load_is_not_given_up_at_the_first_glance() -> None:
    """The plan was made for twenty; the first observations show one: the delay applies."""
    before = replace(wanted(0.0, at_seconds=0.0, observed=False), declared_requests_per_second=20.0)
    found = after((placement(4),), [before, wanted(1.0, at_seconds=20.0)])
    assert replicas(found.placements) == 4
    assert found.requests_per_second == 20.0


def test_what_strain_has_shown_is_wanted_from_then_on() -> None:
    """Twice the rate need, also when the queue has gone; so the extra replicas are not given back."""
    shown = scaled((placement(4),), replace(wanted(10.0), strain=2.0))
    later = scaled(shown.placements, wanted(10.0, at_seconds=300.0), state=shown.state)
    assert replicas(later.placements) == 4
    assert later.requests_per_second > 19.0


def test_somebody_elses_count_is_left_alone() -> None:
    """With ``spec.replicas`` set, nothing is added, taken or asked for."""
    found = scaled((placement(2),), replace(wanted(99.0), is_aside=True))
    assert found.placements == (placement(2),)
    assert found.verdict is Verdict.ASIDE
    assert not found.needs_replan


def test_external_placements_pass_untouched() -> None:
    """Up and down move own replicas only."""
    hosted = external(3)
    assert scaled((hosted, placement(1)), wanted(22.0)).placements[0] == hosted
    down = after((hosted, placement(9)), [wanted(0.0), wanted(0.0, at_seconds=300.0)])
    assert down.placements == (hosted, placement(1))


def test_what_was_just_added_is_not_taken_away_by_the_load_that_asked_for_it() -> None:
    """Up, then a thousand ticks of the same wish: nothing moves."""
    first = scaled((placement(1), placement(0, "far", rate=7.0, dollars=5.0)), wanted(23.0))
    placements, state = first.placements, first.state
    for tick in range(1, 1000):
        found = scaled(placements, wanted(23.0, at_seconds=2.0 * tick), state=state)
        assert found.placements == placements
        state = found.state
    assert capacity(placements) >= 23.0
