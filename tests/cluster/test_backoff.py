"""Waiting before the next try."""

from quartermaster.cluster.backoff import Backoff


def test_delays_double_up_to_the_cap() -> None:
    """With the largest jitter, the ceilings show."""
    backoff = Backoff(1.0, 10.0, uniform=lambda: 1.0)
    assert [backoff.next_seconds() for _ in range(6)] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_jitter_is_full() -> None:
    """Any delay down to none may come, so that clients that failed together part."""
    assert Backoff(1.0, 10.0, uniform=lambda: 0.0).next_seconds() == 0.0


def test_success_begins_anew() -> None:
    """One failure after a long good time waits as briefly as the first."""
    backoff = Backoff(1.0, 10.0, uniform=lambda: 1.0)
    backoff.next_seconds()
    backoff.next_seconds()
    backoff.reset()
    assert backoff.next_seconds() == 1.0


def test_an_outage_of_days_stays_at_the_cap() -> None:
    """Two to the power of a large count is no float any more."""
    backoff = Backoff(1.0, 10.0, uniform=lambda: 1.0)
    backoff.failures = 5000
    assert backoff.next_seconds() == 10.0
