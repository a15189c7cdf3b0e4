"""Profiles in the whole decision: proposed beside everything else, or not at all where that is turned off."""

from dataclasses import replace

import pytest

from quartermaster.catalog.load import load_catalog
from quartermaster.planner.fleet import Key
from quartermaster.reconcile.decide import decide
from quartermaster.reconcile.outcome import Apply, Memory
from tests.autoscaler.simulated import Simulated
from tests.lab.modelserver.physics import ReplicaPhysics
from tests.reconcile.test_rendering import settled

# About 1.6 times as slow as the datasheet of an H100 says of a model of eight billion parameters.
PHYSICS = ReplicaPhysics(0.012, 3e-5, 8e-8, max_batch=256, kv_capacity_tokens=400_000)


def proposals(*, proposes_profiles: bool) -> tuple[list[Apply], Memory]:
    """Return the ModelProfiles that decisions write while three loads are borne, and the last memory."""
    world = settled()
    memory = world.memory
    assert memory.plan is not None
    place = memory.plan.placements[0].place
    one = Simulated(PHYSICS, place=place, now_seconds=world.now_seconds)
    found: list[Apply] = []
    for rate in (3.0, 7.0, 14.0):
        for window in one.windows(rate, 24.0):
            observed = replace(
                world.look(), now_seconds=one.now_seconds, window_by_key={Key("default", "chat"): window}
            )
            outcome = decide(
                observed,
                memory,
                catalog=load_catalog(),
                plan_seconds=600.0,
                proposes_profiles=proposes_profiles,
            )
            memory = outcome.memory
            found += [entry for entry in outcome.apply if entry.manifest["kind"] == "ModelProfile"]
    return found, memory


def test_the_decision_writes_what_replicas_show() -> None:
    """Beside children and statuses, with the reason for the log."""
    found, memory = proposals(proposes_profiles=True)
    assert found
    assert {entry.manifest["spec"]["origin"] for entry in found} == {"Observed"}
    assert float(found[0].manifest["spec"]["alphaSeconds"]) == pytest.approx(PHYSICS.alpha_seconds, rel=0.15)
    assert "points of default/chat" in found[0].reason
    assert memory.profiling.record_by_key


def test_turned_off_nothing_is_written_or_remembered() -> None:
    """The setting takes the whole of it away."""
    found, memory = proposals(proposes_profiles=False)
    assert not found
    assert not memory.profiling.record_by_key
    assert not memory.profiling.course_by_pod
