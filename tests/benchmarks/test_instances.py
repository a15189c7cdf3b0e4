"""The instances that the planner is measured on: seeded, solvable as they claim to be, and the same as files."""

from pathlib import Path

import pytest

from quartermaster.catalog.load import load_catalog
from quartermaster.cli import world
from quartermaster.cli.files import read
from quartermaster.planner.candidates import candidates
from quartermaster.planner.fleet import Key, Running
from quartermaster.reconcile.planned import observe_fleet
from quartermaster.reconcile.workloads import declared_demand, key_of, running_by_key
from quartermaster.reconcile.writes import owned_by_key
from tests.benchmarks.baselines.compact import Program, run
from tests.benchmarks.baselines.offer import offer
from tests.benchmarks.instances import Instance, Recipe, generate
from tests.benchmarks.instances.files import FORMATS, write


def _small(seed: int) -> Instance:
    return generate(Recipe(15, 10, seed, nodes=(2, 5), external_pools=1))


def test_equal_recipes_give_equal_instances() -> None:
    """Everything comes from the seed."""
    assert _small(3) == _small(3)
    assert _small(3).workloads != _small(4).workloads


@pytest.mark.parametrize("seed", range(6))
def test_the_planted_plan_serves_everything_within_every_rule_on_real_hosts(seed: int) -> None:
    """With the planted counts fixed, the exact program finds a host for each replica."""
    instance = _small(seed)
    offered = offer(instance.fleet, instance.workloads, tuple(candidates(instance.fleet, instance.workloads)[0]))
    counts: dict[tuple[Key, str, str], int] = {}
    for key, seats in instance.planted.items():
        for (pool, shape_key), hosts in seats.items():
            counts[key, pool, shape_key] = len(hosts)
    known = {candidate.id for own in offered.candidates_by_key.values() for candidate in own}
    assert counts.keys() <= known
    program = Program(offered, is_soft=False, by_host=True)
    program.fix(counts)
    assert run(program, seconds=60.0, gap_fraction=1.0).has_solution


def test_the_fleet_is_as_tight_as_was_asked_for() -> None:
    """The planted plan holds about the part of the chips that the recipe names."""
    for tightness in (0.8, 0.95):
        assert generate(Recipe(100, 40, 1, tightness=tightness)).planted_fraction == pytest.approx(tightness, abs=0.04)


@pytest.mark.parametrize("form", FORMATS)
def test_the_files_of_an_instance_tell_the_same_fleet_and_demand(form: str, tmp_path: Path) -> None:
    """Pools with their hosts, what runs and what is asked for come back as they were."""
    instance = _small(2)
    write(instance, tmp_path, form=form)
    seen = world.observed([entry.object for entry in world.known(read([tmp_path]))[0]])
    fleet, refusals = observe_fleet(seen, load_catalog())
    assert not refusals
    told = {pool.name: (sorted(pool.hosts), pool.dollars_per_chip_hour, pool.external) for pool in fleet.pools}
    assert told == {
        pool.name: (sorted(pool.hosts), pool.dollars_per_chip_hour, pool.external) for pool in instance.fleet.pools
    }
    owned = [child for children in owned_by_key(seen.children).values() for child in children]
    running = running_by_key(owned, seen.pods)
    assert running == {w.key: tuple(sorted(w.running, key=_place)) for w in instance.workloads if w.running}
    asked = {key_of(entry.document): declared_demand(entry.document) for entry in seen.deployments if entry.document}
    assert asked == {workload.key: workload.demand for workload in instance.workloads}


def _place(row: Running) -> tuple[str, str]:
    return row.pool, row.shape_key
