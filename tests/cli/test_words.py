"""Words of the pages: the same figure reads the same, wherever it comes from."""

from hypothesis import given
from hypothesis import strategies as st

from quartermaster.cli import words
from quartermaster.reconcile.status import cents


@given(dollars=st.floats(1.0, 1e6))
def test_what_a_plan_costs_reads_the_same_in_a_plan_and_in_a_status(dollars: float) -> None:
    """A status is rounded once, and a page that rounds it again comes to the same cents."""
    assert words.money(float(cents(dollars))) == words.money(dollars)


def test_less_than_a_dollar_keeps_four_digits() -> None:
    """A cheap share of a service is not told as nothing."""
    assert cents(0.0012344) == "0.001234"
    assert cents(0.0) == "0"
