"""What scaling remembers: peaks within the delay, and since when the signals are whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quartermaster.autoscaler.hold import MOST_PEAKS, STRAIN_HALF_LIFE_SECONDS, ScaleState


def fed(wishes: list[tuple[float, float]], delay: float, *, whole: bool = True) -> ScaleState:
    """Return the state after wishes at times."""
    state = ScaleState()
    for at, wish in wishes:
        state = state.observe(at, wish, is_whole=whole, delay_seconds=delay)
    return state


def test_the_peak_is_the_most_wanted_within_the_delay() -> None:
    """A peak leaves when the delay has passed, not before."""
    state = fed([(0, 5.0), (10, 9.0), (20, 3.0)], 300)
    assert state.peak_requests_per_second == 9.0
    assert state.observe(310, 1.0, is_whole=True, delay_seconds=300).peak_requests_per_second == 9.0
    assert state.observe(311, 1.0, is_whole=True, delay_seconds=300).peak_requests_per_second == 3.0


def test_a_break_in_the_signals_starts_the_delay_anew_and_forgets_no_peak() -> None:
    """What is not seen may be a peak."""
    state = fed([(0, 9.0)], 300).observe(200, 1.0, is_whole=False, delay_seconds=300)
    assert not state.has_held(1000, 300)
    assert state.observe(400, 1.0, is_whole=False, delay_seconds=300).peak_requests_per_second == 9.0
    again = state.observe(500, 1.0, is_whole=True, delay_seconds=300)
    assert not again.has_held(799, 300)
    assert again.has_held(800, 300)


@given(
    steps=st.lists(st.tuples(st.floats(0.1, 50), st.floats(0, 100)), min_size=1, max_size=300),
    delay=st.floats(0, 2000),
)
def test_the_remembered_peak_is_never_below_the_true_one_and_the_state_stays_small(
    steps: list[tuple[float, float]], delay: float
) -> None:
    """Merging errs only towards keeping capacity."""
    wishes, now = [], 0.0
    state = ScaleState()
    for gap, wish in steps:
        now += gap
        wishes.append((now, wish))
        state = state.observe(now, wish, is_whole=True, delay_seconds=delay)
        assert len(state.peaks) <= MOST_PEAKS
        assert state.peak_requests_per_second >= max(w for at, w in wishes if at >= now - delay)


def test_a_long_fall_over_a_whole_day_stays_small_and_true() -> None:
    """Every wish is below the one before, so none can be dropped for being smaller."""
    state = fed([(2.0 * i, 50_000.0 - i) for i in range(43_200)], 86_400)
    assert len(state.peaks) <= MOST_PEAKS
    assert state.peak_requests_per_second == 50_000.0


def test_a_strain_that_was_learned_fades_slowly() -> None:
    """Figures that were too good stay distrusted for hours, not for ever."""
    state = ScaleState().learn(100.0, 3.0)
    assert state.strain == 3.0
    assert state.learn(102.0, 1.0).strain == pytest.approx(3.0, rel=0.01)
    assert state.learn(100.0 + STRAIN_HALF_LIFE_SECONDS, 1.0).strain == pytest.approx(2.0)
