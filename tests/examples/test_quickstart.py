"""The quick start: its plan from files, and the whole of it as a person would run it."""

import io
import os
import re
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.quickstart import offline
from examples.quickstart.offline import EUROPEAN_REGIONS, RESTRICTED, Offline, placements_of
from examples.quickstart.page import WIDTH, Page
from examples.quickstart.physics import facts_of_pods, physics_by_place
from examples.quickstart.wanted import NotAsWantedError, wait_for
from quartermaster.cli.files import read
from tests.lab.fleet import example_fleet

ROOT = Path(__file__).parents[2]
MOST_SECONDS = 900
MARK = "QUARTERMASTER_LAB_MARK"


@pytest.fixture(scope="module")
def made() -> Iterator[Offline]:
    """Yield the plan of the example fleet; its file is gone afterwards."""
    with offline.fleet_file() as fleet:
        yield offline.plan(fleet)
    assert not fleet.parent.exists()


def test_the_plan_shows_a_split_a_rule_and_an_external_share(made: Offline) -> None:
    """Two kinds of chips in Europe only, a hosted service beside own chips, and Neuron chips."""
    split = placements_of(made.plan, RESTRICTED)
    assert {placement["region"] for placement in split} <= EUROPEAN_REGIONS
    assert {placement["accelerator"] for placement in split} == {"google-tpu-v6e", "amd-mi300x"}
    assert {placement["isExternal"] for placement in placements_of(made.plan, "agents")} == {True, False}
    assert {placement["accelerator"] for placement in placements_of(made.plan, "chat")} == {"aws-inferentia2"}


def test_the_rule_costs_something_and_says_what_it_refused(made: Offline) -> None:
    """Otherwise it would not be worth showing."""
    assert made.saving_dollars_per_hour > 1
    message = made.refusal(RESTRICTED, made.tempting_pool)["message"]
    assert f"wanted a jurisdiction among EU; {made.tempting_pool} in region" in message


def test_the_table_of_the_plan_fits_the_page(made: Offline) -> None:
    """Up to the first empty line, on a terminal of 120 columns."""
    table = made.text.split("\n\n", maxsplit=1)[0].splitlines()
    assert max(len(line) for line in table) <= WIDTH


def test_a_double_is_as_fast_as_the_planner_believes() -> None:
    """The measured figures of the profile reach the double of a pod that runs there."""
    objects = [*example_fleet(), *(entry.object for entry in read([offline.HERE]))]
    labels = {"inference-deployment": "chat", "pool": "us-inf2", "engine": "VLLMNeuron"}
    place = next(place for place in physics_by_place(objects) if place[:2] == ("chat", "us-inf2"))
    labels["shape"] = place[2]
    pod = {
        "metadata": {"labels": {f"quartermaster.dev/{key}": value for key, value in labels.items()}},
        "spec": {"containers": []},
    }
    found = facts_of_pods(physics_by_place(objects))(pod)
    assert found is not None
    engine, model, physics = found
    assert (engine, model, physics.alpha_seconds, physics.max_batch) == ("VLLMNeuron", "chat", 0.036, 8)


def test_a_page_is_calm_without_a_terminal() -> None:
    """Plain lines, none longer than the page, and no control characters."""
    out = io.StringIO()
    page = Page(out)
    page.chapter("A chapter")
    page.say("word " * 60)
    page.progress("building")
    page.row(["a", "b"], [-4, 4])
    text = out.getvalue()
    assert "\r" not in text
    assert "\x1b" not in text
    assert max(len(line) for line in text.splitlines()) <= WIDTH
    assert text.splitlines()[-2:] == ["  building", "  a        b"]


async def test_what_does_not_come_in_time_is_told_with_what_was_seen() -> None:
    """Wanted, and seen."""
    with pytest.raises(NotAsWantedError, match="wanted within 0 s the impossible; saw 7"):
        await wait_for("the impossible", lambda: 7, lambda seen: seen > 7, timeout_seconds=0)


@pytest.mark.lab
def test_the_quick_start_ends_well_and_leaves_nothing_behind() -> None:
    """As a person runs it: every promise is kept and told, and no process or folder stays."""
    mark = uuid.uuid4().hex
    result = subprocess.run(  # noqa: S603 - our own script
        [ROOT / "examples" / "quickstart" / "run", "--once"],
        env={**os.environ, MARK: mark},
        capture_output=True,
        text=True,
        check=False,
        timeout=MOST_SECONDS,
    )
    told = result.stdout
    assert result.returncode == 0, f"{told}\n{result.stderr}"
    for sentence in (
        "The plan, offline: three models on 41 nodes in 3 regions",
        "is free and cheaper: its rule costs",
        "The best European pool is too small for all of it",
        "a hosted service on groq-lpu-v1 that holds no pods",
        "3 aws.amazon.com/neuron",
        "Everything was as wanted",
        "nothing is left running",
    ):
        assert sentence in told
    assert re.search(r"from 3 to \d+ replicas; the first new one served", told)
    assert re.search(r"back to 3 replicas \d+ s after the load had gone", told)
    assert list(_processes_with(mark)) == []


def _processes_with(mark: str) -> Iterator[str]:
    """Yield the command of every process that inherited the mark."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (process / "environ").read_bytes():
                yield (process / "cmdline").read_text()
        except OSError:
            continue  # it has ended, or it is not ours
