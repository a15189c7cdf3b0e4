"""Ordinary YAML read quickly: the same values as the slow way makes, and the slow way for everything else."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from quartermaster.cli.lean import Loader, NotOrdinaryError, documents

WORDS = st.sampled_from(
    ["", "a", "yes", "No", "on", "null", "~", "0", "007", "0x1f", "1_000", "1e3", "1.5", ".5", ".inf", "-", "<", "=",
     "2026-11-21", "12:30:45", "a: b", "# no", "- x", "eight\nlines", "tab\tbed", "nvidia.com/gpu", "8Gi", "250m"]
)  # fmt: skip
SCALARS = WORDS | st.text(max_size=8) | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
VALUES = st.recursive(SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(WORDS | st.text(), v, max_size=3))


def slowly(text: str) -> list[Any]:
    """Return the documents by way of nodes."""
    return list(yaml.load_all(text, Loader=Loader))


@given(st.lists(VALUES, max_size=3), st.sampled_from([None, True, False]), st.sampled_from([None, "'", '"']))
def test_what_is_written_is_read_as_by_the_slow_way(values: list[Any], flow: bool | None, style: str | None) -> None:  # noqa: FBT001 - drawn
    """Whatever quotes and braces it is written with."""
    text = yaml.safe_dump_all(values, default_flow_style=flow, default_style=style, allow_unicode=True)
    try:
        assert documents(text) == slowly(text)
    except NotOrdinaryError:
        assert any(sign in text for sign in ("!", "<<", "? "))


@given(WORDS)
def test_words_without_quotes_mean_the_same(word: str) -> None:
    """Truths, numbers and nothing are told from text in one way."""
    text = f"key: {word}"
    try:
        wanted = slowly(text)
    except yaml.YAMLError:
        with pytest.raises(NotOrdinaryError):
            documents(text)
    else:
        assert documents(text) == wanted


@pytest.mark.parametrize(
    "text", ["a: &x [*x]", "a: *x", "a: !!str 1", "<<: {a: 1}", "a: 1\na: 2", "1: a", "? [a]\n: b", "a: ["]
)
def test_what_is_not_ordinary_is_left_to_the_slow_way(text: str) -> None:
    """Tags, merged, repeated and other keys, what holds itself, and broken text."""
    with pytest.raises(NotOrdinaryError):
        documents(text)


def test_several_documents_are_told_apart() -> None:
    """Empty ones are there, too, as nothing; a comment is none."""
    assert documents("a: 1\n---\n---\nb: 2\n...\n# end\n") == slowly("a: 1\n---\n---\nb: 2\n...\n# end\n")
    assert documents("# nothing\n") == []


def test_an_anchor_stands_for_its_value_within_its_document() -> None:
    """As whoever dumps shared values writes them."""
    text = "a: &x {b: 1}\nc: *x\n---\nd: &x 2\ne: *x\n"
    assert documents(text) == slowly(text) == [{"a": {"b": 1}, "c": {"b": 1}}, {"d": 2, "e": 2}]
