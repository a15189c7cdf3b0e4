"""Tables and sentences for a person: within a terminal, and nothing of a name is lost."""

from hypothesis import given
from hypothesis import strategies as st

from quartermaster.cli import words
from quartermaster.cli.table import WIDTH, paragraph, refusal, table

NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)
ROWS = st.lists(st.tuples(NAMES, NAMES, NAMES, NAMES, st.integers(0, 10**9).map(str)), min_size=1, max_size=6)
HEADER = ("SHAPE", "REGION", "ACCELERATOR", "POOL", "$/H")


@given(ROWS)
def test_a_table_is_never_wider_than_a_terminal_and_cuts_nothing(rows: list[tuple[str, ...]]) -> None:
    """However long names are: a cell is broken over lines where it must be."""
    text = table(HEADER, ["a heading", *rows], to_the_right=frozenset({"$/H"}))
    assert max(map(len, text.splitlines())) <= WIDTH
    assert sorted(text.replace("\n", "").replace(" ", "")) == sorted(
        "".join(["".join(HEADER), "aheading", *("".join(row) for row in rows)])
    )


def test_numbers_stand_to_the_right_and_headings_to_the_left() -> None:
    """Rows below a heading are indented."""
    text = table(
        ("NAME", "$/H"), ["default/a: fine", ("one", "3.00"), ("other", "12.00")], to_the_right=frozenset({"$/H"})
    )
    assert text.splitlines() == ["  NAME     $/H", "default/a: fine", "  one     3.00", "  other  12.00"]
    assert table(("NAME",), [("one",)]) == "NAME\none"


def test_a_long_name_is_broken_where_it_has_a_hyphen() -> None:
    """Narrow columns stay as they are."""
    long = "-".join(["part"] * 30)
    first, second, third = table(("POOL", "$/H"), [(long, "1.00")], to_the_right=frozenset({"$/H"})).splitlines()
    assert (first[-4:], second[-4:]) == (" $/H", "1.00")
    assert (second[: -len("  1.00")].rstrip() + third.strip()) == long


def test_sentences_are_wrapped_with_their_indent() -> None:
    """A refusal is one paragraph with its remedy below."""
    text = refusal("memory", "wanted " + "much " * 40, "use a larger chip")
    lines = text.splitlines()
    assert lines[0].startswith("  memory: wanted much")
    assert lines[1].startswith("      much")
    assert lines[-1] == "    → use a larger chip"
    assert max(map(len, lines)) <= WIDTH
    assert paragraph("short", indent=2) == "short"


def test_every_figure_carries_a_word_for_where_it_comes_from() -> None:
    """The legend tells only of words in use, from the best to the weakest."""
    assert words.rate(1655.798, "Measured") == "1660 meas"
    assert words.money(1234.5, "Listed") == "1,234.50 list"
    assert words.money(0.004) == "0.00"
    assert words.legend(["Estimated", "Measured", "Estimated"]).startswith("meas: measured")
    assert "list:" not in words.legend(["Estimated", "Measured"])


def test_a_discovered_pool_is_named_by_what_its_region_and_chip_do_not_say() -> None:
    """One with a name of its own keeps it."""
    assert words.pool("eu-1-nvidia-l4-spot", "eu-1", "nvidia-l4") == "…-spot"
    assert words.pool("eu-l4", "eu-1", "nvidia-l4") == "eu-l4"
