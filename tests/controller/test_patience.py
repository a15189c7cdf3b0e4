"""Patience: what fails waits for itself, longer each time, and is tried at once when it was mended."""

from quartermaster.controller.patience import LONGEST_SECONDS, LONGEST_TEMPORARY_SECONDS, Patience


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        """Begin at some moment."""
        self.seconds = 100.0

    def __call__(self) -> float:
        """Return the moment."""
        return self.seconds


def delays(patience: Patience, clock: Clock, *, failures: int, is_temporary: bool) -> list[float]:
    """Return after how many seconds each of so many failures in a row is tried again."""
    found = []
    for _ in range(failures):
        patience.failed("a", "content", is_temporary=is_temporary)
        since = clock.seconds
        while not patience.is_due("a", "content"):
            clock.seconds += 0.5
        found.append(clock.seconds - since)
    return found


def test_a_write_that_fails_again_and_again_is_tried_less_and_less_often() -> None:
    """The delay doubles up to half a minute, and less where the server may get well by itself."""
    clock = Clock()
    assert delays(Patience(clock), clock, failures=8, is_temporary=False) == [1, 2, 4, 8, 16, *[LONGEST_SECONDS] * 3]
    assert delays(Patience(clock), clock, failures=5, is_temporary=True) == [1, 2, 4, *[LONGEST_TEMPORARY_SECONDS] * 2]


def test_one_failure_holds_up_no_other_write() -> None:
    """Every write has a delay of its own."""
    patience = Patience(Clock())
    patience.failed("a", "content", is_temporary=False)
    assert not patience.is_due("a", "content")
    assert patience.is_due("b", "content")


def test_a_write_that_was_mended_is_due_at_once() -> None:
    """Other content is another try; its failures count anew."""
    patience = Patience(clock := Clock())
    assert delays(patience, clock, failures=3, is_temporary=False)[-1] == 4
    patience.failed("a", "content", is_temporary=False)
    assert patience.is_due("a", "mended")
    patience.failed("a", "mended", is_temporary=False)
    clock.seconds += 1
    assert patience.is_due("a", "mended")


def test_what_succeeded_or_is_not_wanted_any_more_is_forgotten() -> None:
    """No failure is kept for ever."""
    patience = Patience(Clock())
    for write in ("a", "b", "c"):
        patience.failed(write, "content", is_temporary=False)
    patience.succeeded("a")
    patience.keep_only({"b"})
    assert patience.is_due("a", "content")
    assert not patience.is_due("b", "content")
    assert patience.is_due("c", "content")
