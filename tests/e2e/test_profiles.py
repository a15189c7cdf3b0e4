"""The operator learns how fast replicas are: real requests to doubles that are slower than the datasheet says.

Within a minute of changing load a ModelProfile is there, the next plan counts with it, and nothing is written any more.
"""

import asyncio
from math import inf

import pytest

from quartermaster.api import names
from quartermaster.api.parse import parse_document
from quartermaster.api.v1alpha1 import ModelProfile
from quartermaster.api.v1alpha1.enums import EngineName, Precision
from quartermaster.catalog.load import load_catalog
from quartermaster.manifests.profile import is_as_proposed
from quartermaster.planner.fleet import Shape, Source
from quartermaster.planner.throughput.coefficients import Coefficients
from quartermaster.planner.throughput.fit import MAX_BATCH_SIZE, Mix, Timing, throughput
from quartermaster.planner.throughput.memory import memory_fit
from quartermaster.planner.throughput.profiles import coefficients_of_profile
from quartermaster.planner.throughput.roofline import roofline
from quartermaster.planner.throughput.steady import Point, steady
from tests.e2e.test_scaling import until
from tests.e2e.traffic import doubles, seeing
from tests.e2e.wishes import SMALL_MODEL, pool, wish
from tests.e2e.world import World
from tests.lab import fleet
from tests.lab.audit import AuditEvent
from tests.lab.load import Lengths, LoadGenerator, LoadOptions, Phase, synthetic
from tests.lab.modelserver import ReplicaPhysics
from tests.lab.operator import USER

CHIP, POOL = "nvidia-h100-sxm", "hoppers"
NAME = "llama-3.1-8b-instruct-nvidia-h100-sxm-vllm-bf16-tp1"
INPUT_TOKENS, OUTPUT_TOKENS = 250, 64
FACTOR = 1.8
"""How much slower the doubles are than the datasheet says."""
PHASES = (*(Phase(2 * 2 ** (second / 9), 1) for second in range(29)), Phase(18, 60))
"""A load that grows for half a minute, as a morning does, and then stays."""
PROFILE_SECONDS, PLAN_SECONDS, SETTLED_SECONDS = 60.0, 15.0, 4.0


def truth() -> Timing:
    """Return the doubles as the planner would describe them."""
    catalog = load_catalog()
    model, chip, shape = catalog.model(SMALL_MODEL), catalog.accelerator(CHIP), Shape(EngineName.VLLM, Precision.BF16)
    known = roofline(model, chip, shape, input_tokens=INPUT_TOKENS, output_tokens=OUTPUT_TOKENS)
    fit = memory_fit(model, chip, shape)
    assert known is not None
    assert fit is not None
    plain = Coefficients(
        known.alpha_seconds * FACTOR, known.beta_seconds_per_token * FACTOR, known.gamma_seconds_per_token * FACTOR
    )
    return Timing(plain, MAX_BATCH_SIZE, fit.kv_capacity_tokens, Source.MEASURED)


def physics() -> ReplicaPhysics:
    """Return the doubles' constants."""
    known = truth()
    one = known.coefficients
    return ReplicaPhysics(
        one.alpha_seconds,
        one.beta_seconds_per_token,
        one.gamma_seconds_per_token,
        max_batch=known.max_batch_size,
        kv_capacity_tokens=known.kv_capacity_tokens,
    )


@pytest.fixture(scope="module", autouse=True)
def nodes(world: World) -> None:
    """Put the module's machines up."""
    world.apply(*fleet.nodes(accelerator=CHIP, platform="gke", region="europe-west4", chips=1))
    world.apply(pool(POOL, {"cloud.google.com/gke-accelerator": "nvidia-h100-80gb"}, price="3"))


def chat(namespace: str) -> dict[str, object]:
    """Return a deployment of one replica, so that the load alone decides its batch."""
    shape = {"name": "one", "accelerator": CHIP, "engine": "VLLM", "precision": "BF16", "tensorParallelism": 1}
    traffic = {"inputTokens": INPUT_TOKENS, "outputTokens": OUTPUT_TOKENS, "requestsPerSecond": "3"}
    serving = {"maxContextTokens": 4096, "shapes": [shape]}
    scaling = {"minReplicas": 1, "maxReplicas": 1}
    return wish("chat", namespace, rate=None, traffic=traffic, serving=serving, scaling=scaling)


async def test_a_profile_is_proposed_and_planned_with_and_then_left_in_peace(world: World, namespace: str) -> None:
    """Estimated becomes Measured and near the truth with one write; a person who takes the profile over keeps it."""
    world.apply(chat(namespace))
    async with doubles(world.cluster, {POOL: physics()}) as servers, seeing(world, servers, namespace, "chat") as sight:
        await until("a replica serves", lambda: len(sight.endpoints) == 1)
        before = world.placements(namespace, "chat")[POOL]
        assert before["throughputSource"] == "Estimated"
        mark = world.cluster.audit.mark()
        arrivals = synthetic(PHASES, Lengths(INPUT_TOKENS, OUTPUT_TOKENS, variation=0.3), variation=1.0)
        async with LoadGenerator(arrivals, lambda: sight.endpoints, LoadOptions(model=SMALL_MODEL, drains=False)):
            found = lambda: world.cluster.find("modelprofiles", NAME) is not None  # noqa: E731 - said once, read twice
            proposed = await until("a profile is proposed", found, PROFILE_SECONDS)
            planned = await until("it is planned with", lambda: _source(world, namespace) == "Measured", PLAN_SECONDS)
            print(f"proposed after {proposed:.1f} s of load, planned with {planned:.1f} s later")  # noqa: T201 - measured
            _is_near_the_truth(world, namespace, float(before["tokensPerSecond"]))

            await asyncio.sleep(SETTLED_SECONDS)
            assert [event.verb for event in _writes(world, mark)] == ["patch"]

            mark = world.cluster.audit.mark()
            world.cluster.patch("modelprofiles", NAME, {"spec": {"origin": "Stated"}})
            await asyncio.sleep(SETTLED_SECONDS)
            assert _writes(world, mark) == []
    assert world.cluster.get("modelprofiles", NAME)["spec"]["origin"] == "Stated"


def _source(world: World, namespace: str) -> str:
    return str(world.placements(namespace, "chat")[POOL]["throughputSource"])


def _writes(world: World, mark: int) -> list[AuditEvent]:
    return world.cluster.audit.writes(since=mark, user=USER, resource="modelprofiles")


def _is_near_the_truth(world: World, namespace: str, estimated_tokens_per_second: float) -> None:
    """Hold the profile and the placement of the status against the doubles' constants."""
    document = world.cluster.get("modelprofiles", NAME)
    parsed = parse_document(document)
    assert isinstance(parsed, ModelProfile)
    assert is_as_proposed(parsed), "wanted our own profile to be known again, or it would never be updated"
    spec = parsed.spec
    print(spec.evidence)  # noqa: T201 - measured
    assert (spec.origin.value, document["metadata"]["labels"]) == (
        "Observed",
        {names.MANAGED_BY_LABEL: names.MANAGED_BY},
    )
    real, told = truth(), coefficients_of_profile(spec, load_catalog().model(SMALL_MODEL))
    points = [Point(batch, INPUT_TOKENS, OUTPUT_TOKENS) for batch in (2.0, 8.0, 16.0)]
    true_times, told_times = (
        steady([one] * 3, points, [inf] * 3).inter_token_latency_seconds.tolist() for one in (real.coefficients, told)
    )
    assert told_times == pytest.approx(true_times, rel=0.08)

    status = world.status(namespace, "chat")
    mix = Mix(status["demand"]["inputTokens"], status["demand"]["outputTokens"], None, None)
    expected = throughput(real, mix)
    assert expected is not None
    placed = float(world.placements(namespace, "chat")[POOL]["tokensPerSecond"])
    ratios = placed / expected.tokens_per_second, estimated_tokens_per_second / expected.tokens_per_second
    print(f"throughput of the plan over that of the doubles: {ratios[0]:.2f}, before {ratios[1]:.2f}")  # noqa: T201 - measured
    assert ratios[0] == pytest.approx(1.0, abs=0.15)
    assert abs(ratios[0] - 1) < abs(ratios[1] - 1) / 3
