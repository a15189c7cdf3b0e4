"""Settings come from the environment once, and a wrong one is refused with what to do."""

import pytest

from quartermaster.controller.settings import SettingsError, from_environment


def test_defaults_hold_where_nothing_is_said() -> None:
    """An empty environment is enough to start."""
    assert from_environment({}).scale_seconds > 0


def test_variables_of_other_programs_are_passed_over() -> None:
    """Only what looks like a misspelt setting is refused."""
    assert from_environment({"QUARTERMASTER_DATA": "/data"}) == from_environment({})


def test_each_variable_sets_its_field() -> None:
    """Numbers are numbers, text is text, and other variables are not ours."""
    found = from_environment({"QUARTERMASTER_PLAN_SECONDS": "5", "QUARTERMASTER_LEASE_NAME": "mine", "PATH": "/bin"})
    assert (found.plan_seconds, found.lease_name) == (5.0, "mine")


@pytest.mark.parametrize(
    ("variable", "value", "remedy"),
    [
        ("QUARTERMASTER_PLAN_SECONDS", "soon", "wanted a number"),
        ("QUARTERMASTER_SCALE_SECONDS", "0", "raise it"),
        ("QUARTERMASTER_SOLVE_SECONDS", "-1", "raise it"),
        ("QUARTERMASTER_LOG_LEVEL", "loud", "wanted DEBUG"),
        ("QUARTERMASTER_PROFILES", "on", "wanted Propose or Off"),
        ("QUARTERMASTER_PROBE_ADDRESS", "8080", "wanted host:port"),
        ("QUARTERMASTER_PLAN_SECOND", "5", "QUARTERMASTER_PLAN_SECONDS"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(variable: str, value: str, remedy: str) -> None:
    """The text names the variable, what was found, and what to do."""
    with pytest.raises(SettingsError, match=remedy) as refused:
        from_environment({variable: value})
    assert variable in str(refused.value)
