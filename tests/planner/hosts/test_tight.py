"""Plans beside what runs already: where it is in the way on a host, needs make way elsewhere; nothing goes short."""

import pytest

from quartermaster.planner.fleet import Running, Workload
from quartermaster.planner.hosts.seating import homeless
from quartermaster.planner.hosts.tight import tightened
from quartermaster.planner.numerics import cores
from quartermaster.planner.planning import plan
from quartermaster.planner.posing.pose import posed_of, priorities_of
from quartermaster.planner.solver import primaldual
from quartermaster.planner.solver.solve import solve
from tests.benchmarks.instances import Recipe, generate
from tests.planner.builders import fleet, host, pool, workload
from tests.planner.plans import replicas

FOUR = {"shapes": [{"name": "small", "tensorParallelism": 4}]}
EIGHT = {"shapes": [{"name": "large", "tensorParallelism": 8}]}
HALF_FULL = (host("a", free_chips=4), host("b", free_chips=4))


def _asked(pool_name: str) -> list[Workload]:
    """Return two replicas of four chips that run on half full nodes of the pool, and one of eight that is new."""
    small = Running(pool_name, "small-vllm-bf16-tp4", 2, 2)
    return [
        workload("small", replicas=2, serving=FOUR, running=[small]),
        workload("large", replicas=1, serving=EIGHT),
    ]


def test_a_larger_replica_goes_elsewhere_when_what_stays_is_in_its_way() -> None:
    """Two cheap nodes half full of ours have chips for it, but no node has; a dearer pool has one."""
    where = fleet(pool("cheap", price=1.0, nodes=HALF_FULL), pool("dear", price=1.05, nodes=[host("c")]))
    made = plan(where, _asked("cheap"))
    assert replicas(made) == {("small", "cheap"): 2, ("large", "dear"): 1}
    assert not made.shortfalls


def test_limits_are_tightened_by_what_found_no_host_and_true_limits_are_kept() -> None:
    """The row of eight chips says nothing new, so it is not there at first; then it is, with room for none."""
    posed = posed_of(fleet(pool(nodes=HALF_FULL)), _asked("pool"))
    counts = solve(posed.problem, priorities_of(posed)).counts
    left_by_pool = homeless(posed, counts)
    assert [owner.chips for owner in left_by_pool["pool"]] == [8]
    tight = tightened(posed, counts, left_by_pool)
    assert 8 not in {limit.chips for limit in posed.limits}
    assert [limit.chips for limit in tight.limits] == [*(limit.chips for limit in posed.limits), 8]
    assert tight.problem.room[-1] == 0
    assert tight.most[-1] == 16
    assert tight.problem.taken(counts)[-1] == 8


@pytest.mark.parametrize("seed", [0, 1])
def test_a_tight_fleet_on_which_a_third_runs_is_served_whole(seed: int) -> None:
    """A full plan is known, on 90 % of the chips; what runs is elsewhere, and every replica of the plan has a host."""
    one = generate(Recipe(200, 60, seed))
    made = plan(one.fleet, one.workloads)
    assert not made.shortfalls
    assert made.known is not None
    assert not homeless(made.known.posed, made.known.solution.counts)
    assert made.gap_fraction < 0.02


def test_a_plan_does_not_depend_on_how_many_cores_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work is divided into as many parts on one core as on several, also where steps of prices are."""
    one = generate(Recipe(250, 40, 0))
    posed = posed_of(one.fleet, one.workloads)
    monkeypatch.setattr(primaldual, "MANY_ENTRIES", 0)
    found = []
    for count in (1, 3):
        monkeypatch.setattr(cores, "count", lambda count=count: count)
        found.append(solve(posed.problem, priorities_of(posed)))
    assert (found[0].counts == found[1].counts).all()
    assert found[0].bound == found[1].bound
