"""The README says what is true: its reference is generated, its commands and files exist."""

import re
from pathlib import Path

import pytest

from tests.reference import README, with_reference

ROOT = README.parent
TEXT = README.read_text(encoding="utf-8")


def test_the_reference_is_what_the_code_says() -> None:
    """Fields, conditions, metrics and settings are generated; `python -m tests.reference` writes them anew."""
    assert with_reference(TEXT) == TEXT


@pytest.mark.parametrize("path", sorted(set(re.findall(r"(?:examples|tests|operator|helm|crds)/[\w./-]+", TEXT))))
def test_every_path_in_the_readme_exists(path: str) -> None:
    """A reader can open whatever is named."""
    assert (ROOT / path.rstrip(".")).exists(), path


def test_nothing_else_lies_at_the_top_level() -> None:
    """A newcomer finds the product, its manifests, its tests and its examples, and nothing to wonder about."""
    wanted = {"pyproject.toml", "README.md", "LICENSE", "operator", "crds", "helm", "tests", "examples"}
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert found <= wanted


def test_no_module_lies_directly_in_the_source_root() -> None:
    """It would shadow the standard library's ``operator``."""
    assert [path.name for path in Path(ROOT, "operator").glob("*.py")] == []
