"""The instances that the planner is measured on: seeded, solvable as they claim to be, and the same as files."""

from dataclasses import replace
from pathlib import Path

import pytest

from quartermaster.catalog.load import load_catalog
from quartermaster.cli import world
from quartermaster.cli.files import read
from quartermaster.planner.eligibility.candidates import candidates
from quartermaster.planner.fleet import Key, Pool
from quartermaster.reconcile.planned import observe_fleet
from quartermaster.reconcile.workloads import declared_demand, key_of, running_by_key
from quartermaster.reconcile.writes import owned_by_key
from tests.benchmarks.baselines.compact import Program, run
from tests.benchmarks.baselines.offer import offer
from tests.benchmarks.instances import Family, Instance, Recipe, Shapes, Stock, generate
from tests.benchmarks.instances.files import FORMATS, write
from tests.benchmarks.instances.tightness import needed_fraction


def _small(seed: int) -> Instance:
    return generate(Recipe(15, 10, seed, nodes=(2, 5), external_pools=1))


DRAWN = Recipe(60, 40, 1, family=Family.DRAWN, tightness=0.8)


@pytest.mark.parametrize("recipe", [Recipe(15, 10, 3, nodes=(2, 5), external_pools=1), DRAWN])
def test_equal_recipes_give_equal_instances(recipe: Recipe) -> None:
    """Everything comes from the seed."""
    assert generate(recipe) == generate(recipe)
    assert generate(recipe).workloads != generate(replace(recipe, seed=4)).workloads


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


@pytest.mark.parametrize("stock", Stock)
@pytest.mark.parametrize("tightness", [0.8, 0.95])
def test_a_linear_program_needs_as_much_of_the_fullest_pool_as_was_asked_for(stock: Stock, tightness: float) -> None:
    """Drawn demand is scaled until the candidates of the planner itself need that part, and no more."""
    recipe = replace(DRAWN, stock=stock, tightness=tightness)
    ruled, free = generate(recipe), generate(replace(recipe, spread_fraction=0.0))
    # Rules of spread need some of it, which the other program does not know.
    assert needed_fraction(ruled) <= ruled.needed_fraction + 1e-6
    assert needed_fraction(free) == pytest.approx(free.needed_fraction, abs=1e-6)
    for instance in (ruled, free):
        assert instance.needed_fraction == pytest.approx(tightness, abs=0.005)
        assert instance.needed_fraction <= tightness


def test_stock_that_is_fitted_to_the_demand_carries_more_of_it() -> None:
    """No pool is left loose because another was full first."""

    def carried(instance: Instance) -> float:
        wanted = sum(instance.usual_dollars_by_key.values())
        return wanted / sum(pool.available_chips * (pool.dollars_per_chip_hour or 0.0) for pool in instance.fleet.pools)

    assert carried(generate(replace(DRAWN, stock=Stock.FITTED))) > 1.3 * carried(generate(DRAWN))


def test_a_third_of_the_drawn_deployments_has_a_spread_rule_that_its_pools_can_hold() -> None:
    """Each has at least one shape somewhere, and as many regions or zones as its rule wants."""
    instance = generate(replace(DRAWN, deployments=300))
    pool_by_name = {pool.name: pool for pool in instance.fleet.pools}
    pools_by_key: dict[Key, list[Pool]] = {workload.key: [] for workload in instance.workloads}
    for candidate in candidates(instance.fleet, instance.workloads)[0]:
        pools_by_key[candidate.workload].append(pool_by_name[candidate.pool])
    ruled = 0
    for workload in instance.workloads:
        placement, own = workload.spec.placement, pools_by_key[workload.key]
        is_shared = placement.max_region_share is not None
        ruled += bool(placement.min_regions or placement.min_zones or is_shared)
        assert len({pool.region for pool in own}) >= max(placement.min_regions or 1, 1 + is_shared)
        assert len({host.zone for pool in own for host in pool.hosts}) >= (placement.min_zones or 1)
    assert ruled / len(instance.workloads) == pytest.approx(1 / 3, abs=0.08)


def test_a_drawn_deployment_has_one_shape_for_each_kind_of_chip_unless_all_are_wanted() -> None:
    """The smallest that fits is stated; the knob takes it back."""
    for shapes, most in ((Shapes.USUAL, 1), (Shapes.FOUND, 3)):
        instance = generate(replace(DRAWN, shapes=shapes))
        keys: dict[tuple[Key, str], set[str]] = {}
        name_by_pool = {pool.name: pool.accelerator_name for pool in instance.fleet.pools}
        for candidate in candidates(instance.fleet, instance.workloads)[0]:
            keys.setdefault((candidate.workload, name_by_pool[candidate.pool]), set()).add(candidate.shape.key)
        assert max(map(len, keys.values())) == most


def test_what_runs_of_drawn_demand_sits_on_hosts_that_have_room_in_shapes_that_are_candidates() -> None:
    """About a third runs, on a day with less demand."""
    instance = generate(replace(DRAWN, deployments=200))
    known = {candidate.id for candidate in candidates(instance.fleet, instance.workloads)[0]}
    rows = [(workload, row) for workload in instance.workloads for row in workload.running]
    assert {(workload.key, row.pool, row.shape_key) for workload, row in rows} <= known
    assert len({workload.key for workload, _ in rows}) / 200 == pytest.approx(1 / 3, abs=0.1)
    assert all(0 <= host.free_chips <= host.available_chips for pool in instance.fleet.pools for host in pool.hosts)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("recipe", [Recipe(15, 10, 2, nodes=(2, 5), external_pools=1), DRAWN])
def test_the_files_of_an_instance_tell_the_same_fleet_and_demand(form: str, recipe: Recipe, tmp_path: Path) -> None:
    """Pools with their hosts, what runs and what is asked for come back as they were."""
    instance = generate(recipe)
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
    assert running == {
        w.key: tuple(sorted(w.running, key=lambda row: row.place)) for w in instance.workloads if w.running
    }
    asked = {key_of(entry.document): declared_demand(entry.document) for entry in seen.deployments if entry.document}
    assert asked == {workload.key: workload.demand for workload in instance.workloads}
