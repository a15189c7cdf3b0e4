"""What must be served: observed where known, declared before, never less than believed while signals are missing."""

from dataclasses import replace

import pytest

from quartermaster.autoscaler.demand import demand, mix_has_drifted
from quartermaster.autoscaler.load import load_of
from quartermaster.autoscaler.window import Window
from quartermaster.planner.fleet import Source
from tests.autoscaler.build import declared, measured, readings, sample, steady, steady_load, window_of


def test_the_declared_load_stands_until_a_request_was_ever_served() -> None:
    """Idle replicas of a new deployment do not say that nobody will come."""
    assert demand(steady_load(0.0, pods=()), declared(7.0)) == declared(7.0)
    idle = window_of([sample(2.0 * i, readings()) for i in range(60)])
    assert demand(load_of(idle, ["a"], now_seconds=118.0), declared(7.0)) == declared(7.0)


def test_observed_load_replaces_what_was_declared_in_either_direction() -> None:
    """Fresh, complete and long enough: what is seen counts."""
    for rate in (0.5, 5.0, 50.0):
        seen = demand(steady_load(rate), declared(7.0))
        assert seen.requests_per_second == pytest.approx(rate)
        assert seen.source is Source.MEASURED


def test_a_short_look_can_only_raise_the_demand() -> None:
    """After ten seconds the declared load stands, unless more is already seen."""
    assert demand(steady_load(1.0, seconds=10.0), declared(7.0)).requests_per_second == 7.0
    assert demand(steady_load(50.0, seconds=10.0), declared(7.0)).requests_per_second == pytest.approx(50.0)


def test_the_token_mix_leans_on_the_declared_one_only_while_little_was_seen() -> None:
    """Twenty requests weigh as much as the declaration; hundreds replace it."""
    few, many = demand(steady_load(0.25), declared(7.0)), demand(steady_load(10.0), declared(7.0))
    assert few.input_tokens == pytest.approx((1000 + 200) / 2)
    assert few.output_tokens == pytest.approx((200 + 100) / 2)
    assert many.input_tokens == pytest.approx(200.0, rel=0.15)


def test_a_silent_replica_never_lowers_the_demand() -> None:
    """Half of the replicas answer, so half of the load is seen: what was believed stands."""
    load = load_of(steady(5.0), ["a", "silent"], now_seconds=80.0)
    seen = demand(load, declared(1.0), believed=measured(10.0))
    assert seen.requests_per_second == 10.0
    assert seen.source is Source.MEASURED


def test_a_silent_replica_does_not_hide_that_the_others_bear_more() -> None:
    """What is seen counts where it exceeds what was believed."""
    load = load_of(steady(15.0), ["a", "silent"], now_seconds=80.0)
    assert demand(load, declared(1.0), believed=measured(10.0)).requests_per_second == pytest.approx(15.0)


def test_what_was_believed_survives_the_loss_of_every_sample() -> None:
    """All replicas are gone: the load is not."""
    load = load_of(Window(), [], now_seconds=0.0)
    assert demand(load, declared(1.0), believed=measured(10.0)) == measured(10.0)


def test_the_share_of_external_pools_is_added_to_what_own_replicas_see() -> None:
    """Eight per second on own replicas, with a fifth of the load elsewhere, are ten."""
    assert demand(steady_load(8.0), declared(1.0), external_share_fraction=0.2).requests_per_second == pytest.approx(10)


def test_a_share_near_one_does_not_blow_the_demand_up() -> None:
    """Own replicas then see too little to infer the whole."""
    seen = demand(steady_load(1.0), declared(1.0), external_share_fraction=1.0)
    assert seen.requests_per_second == pytest.approx(10.0)


def test_the_wanted_count_of_somebody_else_is_passed_on() -> None:
    """``spec.replicas`` comes with the declared demand and is never lost on the way."""
    stated = replace(declared(1.0), replicas=4)
    assert demand(steady_load(8.0), stated).replicas == 4
    assert demand(load_of(Window(), [], now_seconds=0.0), stated, believed=measured(3.0)).replicas == 4


def test_only_a_large_move_of_the_mix_asks_for_throughput_anew() -> None:
    """A quarter is noise, half is not; either direction, either length."""
    planned = measured(1.0, input_tokens=1000, output_tokens=200)
    assert not mix_has_drifted(planned, measured(9.0, input_tokens=1200, output_tokens=170))
    assert mix_has_drifted(planned, measured(1.0, input_tokens=1500, output_tokens=200))
    assert mix_has_drifted(planned, measured(1.0, input_tokens=1000, output_tokens=100))
