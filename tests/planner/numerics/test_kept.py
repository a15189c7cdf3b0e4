"""What machine code is kept under: whatever goes into it is part of its name."""

import importlib.util
import sys
from pathlib import Path

import pytest

from quartermaster.planner.numerics.kept import stamp_of

FILES = {
    "factors": "FACTOR = {factor}",
    "below": """
from quartermaster.planner.numerics.compiled import inner

@inner
def below(number: float) -> float:
    return number {verb} 2.0
""",
    "above": """
from below import below
from factors import FACTOR
from quartermaster.planner.numerics.compiled import compiled

@compiled
def above(number: float) -> float:
    return below(number) + FACTOR
""",
}


def stamp_in(folder: Path, patch: pytest.MonkeyPatch, *, verb: str = "+", factor: str = "3.0") -> str:
    """Return the stamp of a function that calls one of another file, and adds a number of a third one."""
    folder.mkdir()
    for name, text in FILES.items():
        path = folder / f"{name}.py"
        path.write_text(text.format(verb=verb, factor=factor))
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
    return stamp_of(sys.modules["above"].above.py_func)


def test_machine_code_keeps_its_name_while_nothing_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same files elsewhere give the same name."""
    assert stamp_in(tmp_path / "one", monkeypatch) == stamp_in(tmp_path / "two", monkeypatch)


def test_machine_code_has_another_name_once_what_it_calls_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it calls lies in another file, and is part of the machine code."""
    assert stamp_in(tmp_path / "one", monkeypatch) != stamp_in(tmp_path / "two", monkeypatch, verb="*")


def test_machine_code_has_another_name_once_a_number_that_it_imports_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number is part of the machine code too."""
    assert stamp_in(tmp_path / "one", monkeypatch) != stamp_in(tmp_path / "two", monkeypatch, factor="4.0")
