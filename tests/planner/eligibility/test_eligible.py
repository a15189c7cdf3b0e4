"""Eligibility: what is remembered never decides, every refusal is there, and counting agrees with making."""

import itertools
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from quartermaster.api.v1alpha1.enums import CapacityType
from quartermaster.planner.eligibility.admitted import admitted
from quartermaster.planner.eligibility.eligible import Eligible, eligible
from quartermaster.planner.eligibility.external import broken_promise
from quartermaster.planner.fleet import Fleet, Pool, Running, Shape, Workload
from quartermaster.planner.rules.order import POOL_RULES, SHAPE_RULES
from quartermaster.planner.rules.rule import Finding, Reads, ShapeCase, ShapeRule
from quartermaster.planner.rules.shapes import FOUND_SHAPES, engine_for, shapes
from quartermaster.planner.throughput.fit import mix_of, profile_key, profiles_by_key, throughput, timing
from tests.planner.builders import (
    A100,
    DEEPSEEK_R1,
    H100,
    H200,
    L4,
    LLAMA_8B,
    LLAMA_70B,
    MI300X,
    TPU_V6E,
    TRAINIUM2,
    external_pool,
    fleet,
    host,
    hosts,
    pool,
    profile,
    workload,
)

REGIONS = ("europe-west4", "europe-west3", "us-central1", "us-east1", "unknown")
SPECS: tuple[dict[str, Any], ...] = (
    {},
    {"compliance": {"residency": {"jurisdictions": ["EU"]}}},
    {"compliance": {"operators": {"forbiddenJurisdictions": ["US"]}}},
    {"compliance": {"confidentialComputing": "Required"}},
    {"placement": {"regions": {"required": ["us-east1", "us-central1"]}}},
    {"placement": {"accelerators": {"deny": {"names": ["nvidia-l4"]}}, "capacityTypes": ["OnDemand"]}},
    {"placement": {"accelerators": {"allow": {"classes": ["TPU", "InferenceChip"]}}}},
    {"budget": {"maxDollarsPerHour": "17"}},
    {"serving": {"engine": "SGLang"}},
    {"serving": {"maxContextTokens": 1000}},
    {"serving": {"shapes": [{"name": "two", "tensorParallelism": 2}, {"name": "eight", "tensorParallelism": 8}]}},
    {"serving": {"shapes": [{"name": "four", "accelerator": "amd-mi300x", "tensorParallelism": 4}]}},
)
OBJECTIVES: tuple[dict[str, Any], ...] = (
    {},
    {},
    {"timeToFirstTokenMilliseconds": 2000, "interTokenLatencyMilliseconds": 60},
    {"interTokenLatencyMilliseconds": 8},
)


def a_pool(name: str, dice: random.Random) -> Pool:
    """Return a random pool."""
    if dice.random() < 0.1:
        return external_pool(name, region=dice.choice(REGIONS), latencies=dice.choice([(0.3, 0.01), (None, None)]))
    chip, size = dice.choice([(H100, 8), (H200, 8), (A100, 4), (L4, 1), (MI300X, 8), (TPU_V6E, 8), (TRAINIUM2, 16)])
    nodes = [
        host(f"n{i}", dice.choice((size, max(1, size // 2))), is_whole=chip is TPU_V6E)
        for i in range(dice.randint(0, 3))
    ]
    return pool(
        name,
        chip,
        nodes=nodes,
        region=dice.choice(REGIONS),
        price=dice.choice((None, 0.5, 2.0, 5.0, 9.0)),
        capacity_type=dice.choice(list(CapacityType)),
    )


def a_workload(name: str, dice: random.Random) -> Workload:
    """Return a random workload."""
    running: tuple[Running, ...] = ()
    if dice.random() < 0.4:
        keys = ("vllm-bf16-tp8", "sglang-bf16-tp2", "vllm-bf16-tp1", "gone")
        running = (Running(f"p{dice.randint(0, 5)}", dice.choice(keys), dice.randint(0, 2), 1),)
    return workload(
        name,
        dice.choice((LLAMA_8B, LLAMA_70B, DEEPSEEK_R1)),
        rate=dice.choice((0.0, 1.0, 7.0)),
        tokens=dice.choice(((1000.0, 200.0), (3000.0, 100.0), (60_000.0, 10.0))),
        running=running,
        objectives=dice.choice(OBJECTIVES),
        **dice.choice(SPECS),
    )


def a_world(dice: random.Random) -> tuple[Fleet, list[Workload]]:
    """Return a random fleet and its workloads."""
    profiles = [profile(chip=dice.choice((H100, A100)))] if dice.random() < 0.5 else []
    where = fleet(*[a_pool(f"p{i}", dice) for i in range(dice.randint(0, 6))], profiles=profiles)
    return where, [a_workload(f"w{i}", dice) for i in range(dice.randint(0, 5))]


def edited(where: Fleet, asked: Sequence[Workload], dice: random.Random) -> tuple[Fleet, list[Workload]]:
    """Return the world with one thing otherwise."""
    pools, workloads = list(where.pools), list(asked)
    place, turn = dice.randint(0, 6), dice.randint(0, 7)
    if turn == 0:
        return replace(where, today=where.today + timedelta(days=1)), workloads
    if turn == 1:
        return replace(where, profiles=(profile(chip=dice.choice((H100, A100)), alphaSeconds="0.007"),)), workloads
    if turn == 2 and place < len(pools):
        del pools[place]
    elif turn == 3:
        names = {found.name for found in pools}
        pools.append(a_pool(next(n for i in itertools.count() if (n := f"p{i}") not in names), dice))
    elif turn == 4 and place < len(pools):
        pools[place] = replace(pools[place], hosts=pools[place].hosts[1:])
    elif turn == 5 and place < len(pools) and pools[place].external is None:
        pools[place] = replace(pools[place], dollars_per_chip_hour=dice.choice((1.0, 8.0)))
    elif turn == 6 and place < len(workloads):
        workloads[place] = a_workload(workloads[place].key.name, dice)
    else:
        workloads = [w for i, w in enumerate(workloads) if i != place] + [a_workload(f"x{dice.random()}", dice)]
    dice.shuffle(pools)
    dice.shuffle(workloads)
    return replace(where, pools=tuple(pools)), workloads


def asked_eagerly(
    where: Fleet, asked: Workload, here: Pool
) -> tuple[list[tuple[str, float]], list[tuple[str, str, str]]]:
    """Return admitted shapes with their rates, and what is refused: shape, rule and reason, by asking every rule."""
    for rule in POOL_RULES:
        found = rule.check(asked, here, where.today)
        if found is not None:
            return [], [("", rule.name, found.reason)]
    if here.external is not None:
        promise = broken_promise(asked, here, here.external)
        if promise is not None:
            return [], [("external", "objectives", promise.reason)]
        return [("external", asked.demand.requests_per_second / 10)], []
    assert here.accelerator is not None
    profiles, mix = profiles_by_key(where.profiles), mix_of(asked)
    running = frozenset(r.shape_key for r in asked.running if r.pool == here.name and r.replicas > 0)
    engine = engine_for(asked, here.accelerator, profiles.keys())
    tried = shapes(asked, here, here.accelerator, engine=engine, running=running)
    if not tried:
        is_named = bool(asked.spec.serving.shapes) and engine is not None
        return [], [
            ("", *(("shape-accelerator", "NoShapeForAccelerator") if is_named else ("engine", "EngineNotOnChip")))
        ]
    most = len(tried) if asked.spec.serving.shapes else FOUND_SHAPES
    admitted: list[tuple[str, float]] = []
    refused: list[tuple[str, str, str]] = []
    for shape in tried:
        if len(admitted) >= most and shape.key not in running:
            continue
        known = timing(
            asked.model,
            here.accelerator,
            shape,
            mix=mix,
            profile=profiles.get(profile_key(asked.model, here.accelerator, shape)),
        )
        rate = None if known is None or known.kv_capacity_tokens <= 0 else throughput(known, mix)
        dollars = (here.dollars_per_chip_hour or 0.0) * shape.chips
        case = ShapeCase(asked, here, here.accelerator, shape, mix, known, rate, dollars)
        verdict = next(((r.name, f.reason) for r in SHAPE_RULES if (f := r.check(case)) is not None), None)
        if verdict is not None:
            refused.append((shape.key, *verdict))
        elif rate is not None:
            admitted.append((shape.key, rate.requests_per_second))
    return admitted, refused


def told(found: Eligible) -> tuple[object, object]:
    """Return everything that was judged, in words."""
    return tuple(found.candidates), tuple(found.rejections)


@pytest.mark.parametrize("seed", range(60))
def test_every_pool_is_judged_as_by_asking_every_rule(seed: int) -> None:
    """Whatever is worked out once for many: each pool by the first rule that refuses, each shape likewise."""
    where, asked = a_world(random.Random(seed))
    found = eligible(where, asked)
    for one in asked:
        for here in where.pools:
            admitted, refused = asked_eagerly(where, one, here)
            candidates = [c for c in found.candidates.of(one.key) if c.pool == here.name]
            rejections = [r for r in found.rejections.of(one.key) if r.pool == here.name]
            assert [c.shape.key for c in candidates] == [key for key, _ in admitted]
            assert [c.throughput.requests_per_second for c in candidates] == pytest.approx([r for _, r in admitted])
            assert [(r.shape_key, r.rule, r.reason) for r in rejections] == refused
            assert all(r.message and r.remedy for r in rejections)


@pytest.mark.parametrize("seed", range(60))
def test_what_is_remembered_never_decides(seed: int) -> None:
    """After any edits, one that remembers says what one that begins anew says, message for message."""
    dice = random.Random(seed)
    where, asked = a_world(dice)
    before = eligible(where, asked)
    for _ in range(6):
        where, asked = edited(where, asked, dice)
        if dice.random() < 0.7:
            assert len(before.candidates) == len(tuple(before.candidates))
        found = eligible(where, asked, before=before)
        assert told(found) == told(eligible(where, asked))
        assert told(eligible(where, asked, before=found)) == told(found)
        before = found if dice.random() < 0.8 else before


@pytest.mark.parametrize("seed", range(30))
def test_the_order_of_pools_and_deployments_does_not_matter(seed: int) -> None:
    """Only their names do."""
    dice = random.Random(seed)
    where, asked = a_world(dice)
    pools, others = list(where.pools), list(asked)
    dice.shuffle(pools)
    dice.shuffle(others)
    assert eligible(replace(where, pools=tuple(pools)), others) == eligible(where, asked)


@pytest.mark.parametrize("seed", range(30))
def test_counting_agrees_with_making(seed: int) -> None:
    """Of all candidates and rejections, and of pools by the shape that came nearest."""
    where, asked = a_world(random.Random(seed))
    found = eligible(where, asked)
    assert len(found.rejections) == len(tuple(found.rejections))
    assert [found.rejections[i] for i in range(len(found.rejections))] == list(found.rejections)
    for key, judged in found.items():
        rejections, candidates = found.rejections.of(key), found.candidates.of(key)
        assert found.candidates.count_of(key) == judged.candidates_count == len(candidates)
        columns = admitted(judged)
        assert tuple(columns.candidate(place) for place in range(columns.count)) == candidates
        assert columns.chips.tolist() == [c.shape.chips for c in candidates]
        assert columns.requests_per_second.tolist() == [c.throughput.requests_per_second for c in candidates]
        assert judged.counts() == Counter((r.rule, r.reason) for r in rejections)
        alike = Counter((name, r.rule, r.reason) for r, names in judged.alike() for name in names)
        assert alike == Counter((r.pool, r.rule, r.reason) for r in rejections)
        closed = [p.name for p in where.pools if p.name not in {c.pool for c in candidates}]
        assert sum(group.pools for group in judged.groups()) == len(closed)
        nearest = Counter((on.rule, on.reason) for name in closed if (on := judged.on(name)) is not None)
        assert {(group.rule, group.reason): group.pools for group in judged.groups()} == nearest
        assert (judged.nearest() is None) == bool(candidates or not where.pools)


def test_candidates_are_the_same_objects_until_something_changes_that_they_show() -> None:
    """So whoever keeps something by them need not look again."""
    where = fleet(pool("a"), pool("b", nodes=hosts(2)))
    asked = [workload("one"), workload("two", LLAMA_70B)]
    before = eligible(where, asked)
    made = [before.candidates_of(one.key) for one in asked]
    fewer = replace(where, pools=(where.pools[0], replace(where.pools[1], hosts=where.pools[1].hosts[1:])))
    after = eligible(fewer, [asked[0], workload("two", LLAMA_70B, tokens=(10.0, 10.0))], before=before)
    assert after.candidates_of(asked[0].key) is made[0]
    assert after.candidates_of(asked[1].key) != made[1]


def test_a_further_rule_that_says_what_it_reads_is_asked_again_only_when_that_changes() -> None:
    """One that does not say is asked for every plan."""
    asked: list[Shape] = []
    documents = {"one": "first"}

    def check(case: ShapeCase) -> Finding | None:
        asked.append(case.shape)
        is_refused = documents[case.workload.key.name] == "refused"
        return Finding("Refused", "no", "none") if is_refused else None

    where, workloads = fleet(pool()), [workload("one")]
    for about, times in ((None, 2), (lambda one: documents[one.key.name], 1)):
        rules = [ShapeRule("mine", check, Reads.DEPLOYMENT, about=about)]
        documents["one"] = "first"
        asked.clear()
        before = eligible(where, workloads, further_rules=rules)
        once = len(asked)
        again = eligible(where, workloads, further_rules=rules, before=before)
        assert len(asked) == times * once
        assert len(again.candidates) == once
    documents["one"] = "refused"
    changed = eligible(where, workloads, further_rules=rules, before=before)
    assert not changed.candidates
    assert {r.rule for r in changed.rejections} == {"mine"}
