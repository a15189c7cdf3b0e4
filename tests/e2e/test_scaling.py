"""Replicas follow the load: real requests to real sockets, queues of model servers, metrics as engines write them.

Two kinds of chips serve one model: one replica of the large kind bears about four times what one of the small bears,
and there is only one of it. So capacity is what must follow the load; a count would say nothing.
"""

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.traffic import Sight, doubles, seeing
from tests.e2e.wishes import pool, profile, wish
from tests.e2e.world import World
from tests.lab import fleet
from tests.lab.load import Arrival, Balance, Lengths, LoadGenerator, LoadOptions, Phase, synthetic
from tests.lab.modelserver import Fault, ReplicaPhysics

REGION = "europe-west4"
LARGE, SMALL = "large", "small"
PHYSICS = {
    LARGE: ReplicaPhysics(0.018, 0.00015, 0.0000002, max_batch=16, kv_capacity_tokens=60_000),
    SMALL: ReplicaPhysics(0.036, 0.0003, 0.0000003, max_batch=8, kv_capacity_tokens=60_000),
}
CHIPS = {LARGE: "nvidia-h100-sxm", SMALL: "nvidia-l4"}
LENGTHS = Lengths(mean_prompt_tokens=250, mean_output_tokens=64, variation=0.3)
QUIET_RATE, FACTOR = 3.0, 4
QUIET_SECONDS, RUSH_SECONDS = 8.0, 60.0
RISE_SECONDS = 15.0
DELAY_SECONDS, QUEUE_DEPTH = 5, 1
BROKEN_SECONDS = 10.0
TIMEOUT_SECONDS = 60.0


@pytest.fixture(scope="module", autouse=True)
def nodes(world: World) -> None:
    """Put the module's machines up, with prices and with measurements of both kinds of replicas."""
    for kind, count in ((LARGE, 1), (SMALL, 10)):
        world.apply(*fleet.nodes(accelerator=CHIPS[kind], platform="gke", region=REGION, chips=1, count=count))
    for kind, price in ((LARGE, "1"), (SMALL, "0.6")):
        label = "cloud.google.com/gke-accelerator"
        value = {LARGE: "nvidia-h100-80gb", SMALL: "nvidia-l4"}[kind]
        physics = PHYSICS[kind]
        world.apply(
            pool(kind, {label: value}, price=price),
            profile(
                kind,
                accelerator=CHIPS[kind],
                engine="VLLM",
                alphaSeconds=str(physics.alpha_seconds),
                betaSecondsPerToken=f"{physics.beta_seconds_per_token:.7f}",
                gammaSecondsPerToken=f"{physics.gamma_seconds_per_token:.9f}",
                maxBatchSize=physics.max_batch,
                kvCapacityTokens=physics.kv_capacity_tokens,
            ),
        )


def chat(namespace: str) -> dict[str, object]:
    """Return the deployment that gets the load, with the shape that was measured on each chip."""
    shapes = [
        {"name": kind, "accelerator": chip, "engine": "VLLM", "precision": "BF16", "tensorParallelism": 1}
        for kind, chip in CHIPS.items()
    ]
    traffic = {"inputTokens": 250, "outputTokens": 64, "requestsPerSecond": str(QUIET_RATE)}
    scaling = {
        "minReplicas": 1,
        "maxReplicas": 10,
        "queueDepthPerReplica": QUEUE_DEPTH,
        "scaleDownDelaySeconds": DELAY_SECONDS,
    }
    serving = {"maxContextTokens": 4096, "shapes": shapes}
    return wish("chat", namespace, rate=None, traffic=traffic, serving=serving, scaling=scaling)


async def until(description: str, predicate: Callable[[], bool], timeout_seconds: float = TIMEOUT_SECONDS) -> float:
    """Wait until the predicate holds, and return how many seconds that took."""
    started = time.monotonic()
    while not predicate():
        waited = time.monotonic() - started
        assert waited < timeout_seconds, f"waited {waited:.0f} s until {description}"
        await asyncio.sleep(0.1)
    return time.monotonic() - started


class Flow:
    """Arrivals that end when they are told to."""

    def __init__(self, *phases: Phase) -> None:
        """Prepare them."""
        self._phases = phases
        self.is_over = False

    def __iter__(self) -> Iterator[Arrival]:
        """Yield them, in order of time."""
        for arrival in synthetic(self._phases, LENGTHS, variation=0.5):
            if self.is_over:
                return
            yield arrival


async def test_capacity_follows_the_load_and_broken_metrics_never_lower_it(world: World, namespace: str) -> None:
    """Load × 4: a queue, more capacity within seconds, no queue; no load: back to the minimum, but never blindly."""
    world.apply(chat(namespace))
    flow = Flow(Phase(QUIET_RATE, QUIET_SECONDS), Phase(QUIET_RATE * FACTOR, RUSH_SECONDS))
    async with doubles(world.cluster, PHYSICS) as servers, seeing(world, servers, namespace, "chat") as sight:
        await until("a replica serves", lambda: len(sight.endpoints) == 1)
        assert sight.desired_by_pool == {LARGE: 1}
        options = LoadOptions(model="llama-3.1-8b-instruct", balance=Balance.LEAST_IN_FLIGHT)
        async with LoadGenerator(flow, lambda: sight.endpoints, options) as load:
            await _quiet(world, sight, load)
            await _rush(sight)
            flow.is_over = True
            await _broken(sight)
            fallen = await until("replicas fall to the minimum", lambda: sight.desired == len(sight.endpoints) == 1)
            print(f"back to the minimum {fallen:.1f} s after metrics were mended")  # noqa: T201 - measured
            summary = load.summary()
        assert summary.finished == summary.sent, "a request failed although nothing was taken from it"


async def _quiet(world: World, sight: Sight, load: LoadGenerator) -> None:
    """A steady load that the plan was made for changes no child."""
    mark = world.cluster.audit.mark()
    await until("the quiet time is over", lambda: load.elapsed_seconds >= QUIET_SECONDS)
    writes = await asyncio.to_thread(lambda: world.writes(since=mark))
    assert [event.uri for event in writes if event.resource == "deployments"] == []
    assert sight.desired == 1


async def _rush(sight: Sight) -> None:
    most_waiting = 0

    def has_risen() -> bool:
        nonlocal most_waiting
        most_waiting = max(most_waiting, sight.waiting)
        return len(sight.endpoints) > 1

    risen = await until("more replicas serve", has_risen, 2 * RISE_SECONDS)
    drained = await until("the queue was there and is gone", lambda: _is_drained(has_risen, sight))
    print(f"replicas served {risen:.1f} s after the rush began (wanted: {RISE_SECONDS:g} s); ", end="")  # noqa: T201 - measured
    print(f"{most_waiting} requests waited at most, the queue was gone {risen + drained:.1f} s after it began")  # noqa: T201 - measured
    assert most_waiting > QUEUE_DEPTH * len(sight.endpoints)
    assert sight.desired_by_pool[LARGE] == 1
    assert sight.desired_by_pool[SMALL] >= 1
    capacity = sight.status["capacity"]
    assert isinstance(capacity, dict)
    assert float(capacity["requestsPerSecond"]) >= QUIET_RATE * FACTOR


def _is_drained(look: Callable[[], bool], sight: Sight) -> bool:
    """Whether no more requests wait than the replicas may hold by the spec."""
    look()
    return sight.waiting <= QUEUE_DEPTH * len(sight.endpoints)


async def _broken(sight: Sight) -> None:
    """For far longer than the delay nothing tells how much load there is: nothing is taken away."""
    before, victims = sight.desired, {sight.endpoints[0], sight.endpoints[-1]}
    for fault in (Fault.GARBAGE, Fault.HANG):
        for address in victims:
            await sight.servers.fault(address, fault)
        told: set[str] = set()
        ends = time.monotonic() + BROKEN_SECONDS
        while time.monotonic() < ends:
            await asyncio.sleep(0.2)
            assert min(sight.desired, sight.ready_pods) >= before, fault
            conditions = sight.status["conditions"]
            assert isinstance(conditions, list)
            told |= {each["reason"] for each in conditions if each["type"] == "Scaled"}
        assert "SignalsMissing" in told, fault
    for address in victims:
        await sight.servers.fault(address, None)


async def test_kubectl_scale_takes_over_and_gives_back(world: World, namespace: str) -> None:
    """``kubectl scale`` writes spec.replicas: placing stays ours, counting does not, until it is taken away again."""
    world.apply(chat(namespace))
    async with doubles(world.cluster, PHYSICS) as servers, seeing(world, servers, namespace, "chat") as sight:
        await until("a replica serves", lambda: len(sight.endpoints) == 1)
        await asyncio.to_thread(world.cluster.kubectl, "scale", "infd", "chat", "--replicas=4", "-n", namespace)
        await until("four replicas serve", lambda: len(sight.endpoints) == 4)
        status = await asyncio.to_thread(world.wait_ready, namespace, "chat")
        assert {c["reason"] for c in status["conditions"] if c["type"] == "Scaled"} == {"ScaledFromOutside"}
        scale = await asyncio.to_thread(_scale, world, namespace)
        assert (scale["spec"]["replicas"], scale["status"]["replicas"]) == (4, 4)
        assert scale["status"]["selector"] == "quartermaster.dev/inference-deployment=chat"

        await asyncio.to_thread(_set_replicas, world, namespace, None)
        await until("our own scaler is back", lambda: len(sight.endpoints) == sight.desired == 1)


def _scale(world: World, namespace: str) -> dict[str, dict[str, object]]:
    path = f"/apis/quartermaster.dev/v1alpha1/namespaces/{namespace}/inferencedeployments/chat/scale"
    found: dict[str, dict[str, object]] = world.cluster.client.request("GET", path)
    return found


def _set_replicas(world: World, namespace: str, replicas: int | None) -> None:
    world.cluster.patch("inferencedeployments", "chat", {"spec": {"replicas": replicas}}, namespace=namespace)
