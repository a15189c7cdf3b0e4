"""Small random fleets with everything that the planner knows, for comparing it with exact answers."""

import random
from dataclasses import dataclass, replace
from typing import Any

from quartermaster.catalog.accelerator import Accelerator
from quartermaster.planner.eligibility.candidates import candidates
from quartermaster.planner.fleet import Fleet, Host, Key, Place, Pool, Running, Workload
from quartermaster.planner.plan import Candidate
from quartermaster.planner.posing.offer import is_spread
from tests.planner.builders import A100, H100, H200, L4, LLAMA_8B, LLAMA_70B, MI300X, TPU_V6E, external_pool, fleet
from tests.planner.builders import pool as build_pool
from tests.planner.builders import workload as build_workload

REGIONS = ("europe-west4", "europe-west3", "us-central1")
ZONES = "ab"
PRICES = {"nvidia-l4": 0.8, "nvidia-a100-sxm-80": 3.4, "nvidia-h100-sxm": 6.9, "nvidia-h200-sxm": 7.9}
CHIPS = (H100, A100, L4, H200, MI300X, TPU_V6E)
MIXES = ((1000.0, 200.0), (4000.0, 400.0), (300.0, 800.0))


@dataclass(frozen=True, slots=True)
class Small:
    """A fleet and what it shall serve."""

    fleet: Fleet
    workloads: tuple[Workload, ...]


def small(seed: int, *, is_running: bool = False) -> Small:
    """Return a fleet of one to four pools and one to four deployments; equal for equal seeds."""
    dice = random.Random(seed)
    pools = [_pool(f"pool-{place}", dice) for place in range(dice.randint(1, 4))]
    if dice.random() < 0.15:
        pools.append(_service(dice))
    made = fleet(*pools)
    drafts = [_workload(f"model-{place}", dice) for place in range(dice.randint(1, 4))]
    eligible, _ = candidates(made, drafts)
    chips = sum(pool.available_chips for pool in pools)
    by_key = {draft.key: [c for c in eligible if c.workload == draft.key] for draft in drafts}
    able = [draft for draft in drafts if by_key[draft.key]] or drafts
    asked = [_at_rate(draft, by_key[draft.key], chips / len(able), dice) for draft in able]
    if is_running:
        made, asked = _with_running(made, asked, dice)
    return Small(made, tuple(asked))


def _pool(name: str, dice: random.Random) -> Pool:
    chip: Accelerator = dice.choice(CHIPS)
    region = dice.choice(REGIONS)
    is_whole = chip is TPU_V6E
    size = 8 if is_whole else dice.choice((1, 2, 4, 8))
    hosts = []
    for number in range(dice.randint(1, 3)):
        held = dice.choice((0, 0, 0, 1, size // 2))
        available = max(0, size - held) if not is_whole or not held else 0
        zone = f"{region}-{dice.choice(ZONES)}"
        hosts.append(Host(f"{name}-{number}", zone, size, available, available, is_whole=is_whole))
    price = round(PRICES.get(chip.name, 4.0) * dice.uniform(0.8, 1.2), 4)
    return build_pool(name, chip, nodes=hosts, region=region, price=price)


def _service(dice: random.Random) -> Pool:
    prices = (round(dice.uniform(0.05, 0.5), 3), round(dice.uniform(0.2, 2.0), 3))
    return external_pool("service", tokens_per_second=dice.choice((200.0, 2000.0)), prices=prices)


def _workload(name: str, dice: random.Random) -> Workload:
    parts: dict[str, Any] = {}
    placement: dict[str, Any] = {}
    if dice.random() < 0.3:
        placement["regions"] = {"required": sorted(dice.sample(REGIONS, 2))}
    if dice.random() < 0.2:
        placement["accelerators"] = {"deny": {"names": [dice.choice(CHIPS).name]}}
    spread = dice.random()
    if spread < 0.12:
        placement["minRegions"] = 2
    elif spread < 0.24:
        placement["minZones"] = 2
    elif spread < 0.36:
        placement["maxRegionShare"] = "0.6"
    if placement:
        parts["placement"] = placement
    scaling = {"minReplicas": dice.choice((0, 1, 1, 2))}
    if dice.random() < 0.2:
        scaling["maxReplicas"] = dice.randint(2, 4)
    parts["scaling"] = scaling
    if dice.random() < 0.1:
        parts["budget"] = {"maxDollarsPerHour": f"{dice.uniform(5, 80):.2f}"}
    parts["priority"] = dice.choice((0, 0, 10))
    served = dice.choice((LLAMA_8B, LLAMA_8B, LLAMA_70B))
    replicas = None
    if dice.random() < 0.1:
        replicas = dice.randint(scaling["minReplicas"], scaling.get("maxReplicas", 3))
    return build_workload(name, served, tokens=dice.choice(MIXES), replicas=replicas, **parts)


def _at_rate(draft: Workload, own: list[Candidate], chips: float, dice: random.Random) -> Workload:
    """Give the deployment a rate of a few replicas, so that the fleet is nearly full."""
    inside = [c for c in own if not c.is_external]
    rate = dice.choice(inside).throughput.requests_per_second if inside else 1.0
    parts = draft.spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    model = draft.model
    wanted = rate * dice.uniform(0.1, min(4.0, 0.2 + chips / 4))
    tokens = (draft.demand.input_tokens, draft.demand.output_tokens)
    return build_workload(draft.key.name, model, rate=wanted, tokens=tokens, replicas=draft.demand.replicas, **parts)


def _with_running(made: Fleet, asked: list[Workload], dice: random.Random) -> tuple[Fleet, list[Workload]]:
    """Let some replicas of some deployments run, on hosts that have room for them."""
    eligible, _ = candidates(made, asked)
    free = {host.name: host.available_chips for pool in made.pools for host in pool.hosts}
    rows: dict[Key, dict[Place, list[str]]] = {workload.key: {} for workload in asked}
    spread = {workload.key for workload in asked if is_spread(workload)}
    by_name = {pool.name: pool for pool in made.pools}
    for candidate in dice.sample(list(eligible), min(len(eligible), 5)):
        if candidate.is_external:
            continue
        for host in by_name[candidate.pool].hosts:
            if free[host.name] >= candidate.shape.chips and dice.random() < 0.6:
                free[host.name] -= candidate.shape.chips
                zone = host.zone if candidate.workload in spread else ""
                place = Place(candidate.pool, candidate.shape.key, zone)
                rows[candidate.workload].setdefault(place, []).append(host.name)
    return _held(made, free), [_runs(workload, rows[workload.key]) for workload in asked]


def _held(made: Fleet, free: dict[str, int]) -> Fleet:
    pools = []
    for pool in made.pools:
        hosts = tuple(
            Host(h.name, h.zone, h.chips, h.available_chips, free[h.name], is_whole=h.is_whole) for h in pool.hosts
        )
        pools.append(replace(pool, hosts=hosts))
    return fleet(*pools)


def _runs(workload: Workload, rows: dict[Place, list[str]]) -> Workload:
    running = tuple(
        Running(place.pool, place.shape_key, len(hosts), len(hosts), tuple(sorted(hosts)), place.zone)
        for place, hosts in sorted(rows.items())
    )
    return replace(workload, running=running)
