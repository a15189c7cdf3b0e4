"""Plans after a change, made from the plan before: as good as those made anew, and no more is moved than must be."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from quartermaster.planner.fleet import Fleet, Host, Key, Pool, Workload
from quartermaster.planner.plan import Plan
from quartermaster.planner.planning import GOAL_FRACTION, MOST_FRACTION, plan
from tests.benchmarks.baselines.compact import Program, run
from tests.benchmarks.baselines.offer import offer
from tests.benchmarks.runs import live
from tests.planner.builders import H100, L4, LLAMA_70B, fleet, hosts, pool, workload
from tests.planner.small import small

TOLERANCE = 1e-6
EDITS = ("new deployment", "lost host", "more demand", "less demand", "gone deployment", "new host", "other price")
FLEETS = 40


def _edited(
    edit: str, where: Fleet, asked: Sequence[Workload], dice: random.Random
) -> tuple[Fleet, list[Workload]] | None:
    """Return the fleet and the deployments after an edit; None where there is nothing to edit."""
    made, workloads = where, list(asked)
    pools = [place for place, one in enumerate(where.pools) if one.hosts]
    at = dice.choice(pools)
    target = where.pools[at]
    if edit == "new deployment":
        other = small(dice.randint(0, 10_000)).workloads[0]
        workloads.append(replace(other, key=Key("default", "newcomer"), running=()))
    elif edit == "lost host":
        made, workloads = _without(where, workloads, at, dice.choice(target.hosts))
    elif edit == "gone deployment":
        gone = workloads.pop(dice.randrange(len(workloads)))
        held = {name: row for row in gone.running for name in row.hosts}
        if held:
            return None
    elif edit == "new host":
        like = target.hosts[0]
        new = replace(like, name="new", available_chips=like.chips, free_chips=like.chips)
        made = _with(where, at, replace(target, hosts=(*target.hosts, new)))
    elif edit == "other price":
        made = _with(where, at, replace(target, dollars_per_chip_hour=2 * (target.dollars_per_chip_hour or 1.0)))
    else:
        place = dice.randrange(len(workloads))
        demand = workloads[place].demand
        factor = 1.3 if edit == "more demand" else 0.6
        demand = replace(demand, requests_per_second=demand.requests_per_second * factor)
        workloads[place] = replace(workloads[place], demand=demand)
    return made, workloads


def _with(where: Fleet, at: int, changed: Pool) -> Fleet:
    return replace(where, pools=(*where.pools[:at], changed, *where.pools[at + 1 :]))


def _without(where: Fleet, asked: Sequence[Workload], at: int, lost: Host) -> tuple[Fleet, list[Workload]]:
    target = where.pools[at]
    left = []
    for one in asked:
        rows = []
        for row in one.running:
            names = tuple(name for name in row.hosts if name != lost.name)
            count = row.replicas - (len(row.hosts) - len(names))
            rows += [replace(row, hosts=names, replicas=count, ready=count)] if count else []
        left.append(replace(one, running=tuple(rows)))
    return _with(where, at, replace(target, hosts=tuple(h for h in target.hosts if h != lost))), left


def _can_be_realised(where: Fleet, asked: Sequence[Workload], made: Plan) -> bool:
    """Whether every replica finds a host, and no rule is broken where everything is served."""
    program = Program(offer(where, asked, tuple(made.candidates)), is_soft=bool(made.shortfalls), by_host=True)
    program.realise(made.placements)
    return run(program, seconds=60.0, gap_fraction=1.0).has_solution


@pytest.mark.parametrize("edit", EDITS)
def test_a_plan_after_a_change_is_as_good_as_one_made_anew(edit: str) -> None:
    """It can be realised, nothing forbidden is placed, its bound holds, and it is within the gap of the other."""
    compared = 0
    for seed in range(500_000, 500_000 + FLEETS):
        dice = random.Random(f"{edit} {seed}")
        asked = small(seed)
        first = plan(asked.fleet, asked.workloads)
        before = plan(*live(asked.fleet, asked.workloads, first), before=first)
        edited = _edited(edit, *live(asked.fleet, asked.workloads, before), dice)
        if edited is None:
            continue
        warm, cold = plan(*edited, before=before), plan(*edited)
        assert {one.candidate.id for one in warm.placements} <= {one.id for one in cold.candidates}
        assert warm.eligible == cold.eligible
        assert _can_be_realised(*edited, warm), f"seed {seed}: cannot be realised"
        assert len(warm.shortfalls) <= len(cold.shortfalls), f"seed {seed}: more goes short"
        if not warm.shortfalls and not cold.shortfalls:
            compared += 1
            slack = TOLERANCE * (1 + cold.objective)
            assert warm.bound <= cold.objective + slack, f"seed {seed}: the bound does not hold"
            assert cold.bound <= warm.objective + slack, f"seed {seed}: the other bound does not hold"
            most = min(max(GOAL_FRACTION, before.gap_fraction, cold.gap_fraction), MOST_FRACTION)
            assert warm.objective <= cold.objective / (1 - most) + slack, f"seed {seed}: too dear"
    assert compared >= FLEETS // 8 or edit == "gone deployment"


def test_without_a_change_the_plan_is_the_same_one() -> None:
    """The very placements come back, whatever objects the fleet and the deployments are made of."""
    for seed in range(510_000, 510_030):
        asked, alike = small(seed, is_running=True), small(seed, is_running=True)
        first = plan(asked.fleet, asked.workloads)
        again = plan(alike.fleet, alike.workloads, before=first)
        assert again == first
        assert all(one is other for one, other in zip(again.placements, first.placements, strict=True))


def _two_regions() -> tuple[Fleet, list[Workload]]:
    where = fleet(
        pool("eu-h100", H100, nodes=hosts(3, zone="eu-a"), region="europe-west4", price=5.0),
        pool("eu-l4", L4, nodes=hosts(3, 1, zone="eu-a"), region="europe-west4", price=0.8),
        pool("us-h100", H100, nodes=hosts(3, zone="us-a"), region="us-central1", price=5.0),
    )
    named = [
        replace(one, hosts=tuple(replace(h, name=f"{one.name}-{place}") for place, h in enumerate(one.hosts)))
        for one in where.pools
    ]
    asked = [
        workload("eu-large", LLAMA_70B, rate=3.0, placement={"regions": {"required": ["europe-west4"]}}),
        workload("eu-small", rate=1.0, placement={"regions": {"required": ["europe-west4"]}}),
        workload("us-large", LLAMA_70B, rate=3.0, placement={"regions": {"required": ["us-central1"]}}),
    ]
    return replace(where, pools=tuple(named)), asked


def test_deployments_that_nothing_touched_stay_where_they_are() -> None:
    """A node is lost in one region: the placements in the other are the very same ones."""
    where, asked = _two_regions()
    first = plan(where, asked)
    where, asked = live(where, asked, first)
    before = plan(where, asked, before=first)
    lost = next(h for h in where.pools[2].hosts if h.free_chips < h.chips)
    after = plan(*_without(where, asked, 2, lost), before=before)
    assert not after.shortfalls
    for key in (Key("default", "eu-large"), Key("default", "eu-small")):
        assert all(one is other for one, other in zip(after.placements_of(key), before.placements_of(key), strict=True))
    assert sum(one.replicas for one in after.placements_of(Key("default", "us-large"))) == sum(
        one.replicas for one in before.placements_of(Key("default", "us-large"))
    )


def test_a_newcomer_takes_what_is_free() -> None:
    """Nobody moves for a deployment that fits beside all others."""
    where, asked = _two_regions()
    first = plan(where, asked)
    where, asked = live(where, asked, first)
    before = plan(where, asked, before=first)
    after = plan(where, [*asked, workload("newcomer", rate=1.0)], before=before)
    assert not after.shortfalls
    assert {one for one in after.placements if one.candidate.workload.name != "newcomer"} == set(before.placements)


def test_a_pool_that_is_new_is_planned_on() -> None:
    """Numbers of pools do not hold any more: everything is planned anew, and well."""
    where, asked = _two_regions()
    before = plan(where, asked)
    cheap = pool("us-cheap", H100, nodes=hosts(3, zone="us-a"), region="us-central1", price=1.0)
    named = tuple(replace(h, name=f"cheap-{place}") for place, h in enumerate(cheap.hosts))
    grown = replace(where, pools=(*where.pools, replace(cheap, hosts=named)))
    after, cold = plan(grown, asked, before=before), plan(grown, asked)
    assert after == cold
    assert "us-cheap" in {one.candidate.pool for one in after.placements}


def test_what_is_known_is_no_part_of_the_value_of_a_plan() -> None:
    """A plan that knows nothing any more equals the one that does, and counts may be changed without forgetting."""
    where, asked = _two_regions()
    made = plan(where, asked)
    assert made.known is not None
    assert replace(made, known=None) == made
    assert "known" not in repr(made)
    assert made.with_placements(()).known is made.known


def test_a_search_that_is_taken_up_again_is_never_worse_and_moves_nobody_for_nothing() -> None:
    """Cut off at once it ends where it was; with time enough it is no dearer, and its bound no lower."""
    for seed in range(FLEETS):
        asked = small(seed)
        first = plan(asked.fleet, asked.workloads)
        where, settled = live(asked.fleet, asked.workloads, first)
        second = plan(where, settled, before=first)
        cut = plan(where, settled, before=second, resumes=True, is_late=lambda: True)
        assert cut.placements == second.placements, f"seed {seed}"
        assert cut.bound >= second.bound - TOLERANCE
        whole = plan(where, settled, before=second, resumes=True)
        assert whole.objective <= second.objective + TOLERANCE, f"seed {seed}"
        assert second.bound - TOLERANCE <= whole.bound <= whole.objective + TOLERANCE, f"seed {seed}"
