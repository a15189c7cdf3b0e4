"""Capacity moves make before break: what serves is never less than it was, whatever makes it move.

A pod is Ready a second and a half after its start, so that breaking before making would be seen.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.wishes import on, pool, wish
from tests.e2e.world import TIMEOUT_SECONDS, World
from tests.lab import fleet
from tests.lab.client import UnreachableError
from tests.lab.cluster import Options

CHIP = "nvidia-h100-sxm"
NEAR, FAR = "us-east-1", "us-west-2"
SAMPLE_SECONDS = 0.05


@pytest.fixture(scope="module")
def cluster_options() -> Options:
    """Let pods take a while until they serve."""
    return Options(pod_ready_delay_seconds=1.5)


@pytest.fixture(scope="module", autouse=True)
def nodes(world: World) -> None:
    """Put up two regions of the same chips, the nearer one cheaper, each with two machines."""
    for region in (NEAR, FAR):
        world.apply(*fleet.nodes(accelerator=CHIP, platform="eks", region=region, count=2, zone=f"{region}a"))
    world.apply(_priced(NEAR, "2"), _priced(FAR, "4"))


def _priced(region: str, price: str) -> dict[str, object]:
    labels = {"topology.kubernetes.io/region": region, "karpenter.k8s.aws/instance-gpu-manufacturer": "nvidia"}
    return pool(f"h100-{region}", labels, price=price)


@pytest.fixture(scope="module", autouse=True)
def dead(world: World) -> tuple[str, str, float]:
    """Let a node with replicas die at the start, because it takes half a minute until its pods are given up.

    Returns the namespace of the deployment ``chat``, the node, and when it died.
    """
    world.apply(*fleet.nodes(accelerator="nvidia-l4", platform="eks", region=NEAR, count=3))
    namespace = world.cluster.create_namespace("dead")
    world.apply(wish("chat", namespace, rate="0.2", scaling={"minReplicas": 3}, placement=on("nvidia-l4")))
    world.wait_ready(namespace, "chat")
    name = _busiest_node(world, namespace)
    world.cluster.patch("nodes", name, {"metadata": {"annotations": {"lab.quartermaster.dev/node": "failed"}}})
    return namespace, name, time.monotonic()


@contextmanager
def least_serving(world: World, namespace: str, name: str) -> Iterator[list[int]]:
    """Sample how many pods serve while the block runs; yields the list of counts."""
    counts: list[int] = []
    ending = threading.Event()

    def sample() -> None:
        while not ending.wait(SAMPLE_SECONDS):
            try:
                counts.append(len(world.ready_pods(namespace, name)))
            except UnreachableError:
                continue

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield counts
    finally:
        ending.set()
        thread.join()


def _regions(world: World, namespace: str) -> set[str]:
    return set(world.pods_by_region(namespace, "chat"))


@pytest.fixture
def chat(world: World, namespace: str) -> str:
    """Return the namespace of ``chat``, which serves with three replicas on the cheap pool."""
    world.apply(wish("chat", namespace, rate="0.2", scaling={"minReplicas": 3}, placement=on(CHIP)))
    world.wait_ready(namespace, "chat")
    assert _regions(world, namespace) == {NEAR}
    return namespace


def _moved(world: World, namespace: str, region: str) -> bool:
    pods = world.pods(namespace, "chat")
    return len(pods) == 3 == len(world.ready_pods(namespace, "chat")) and _regions(world, namespace) == {region}


def _cordon(world: World, region: str, *, is_on: bool) -> None:
    for node in world.cluster.get("nodes", None, None, f"topology.kubernetes.io/region={region}"):
        world.cluster.patch("nodes", node["metadata"]["name"], {"spec": {"unschedulable": is_on or None}})


def test_a_cordoned_pool_is_left_only_once_others_serve(world: World, chat: str) -> None:
    """Three replicas serve all the while that they move to another region."""
    try:
        with least_serving(world, chat, "chat") as counts:
            _cordon(world, NEAR, is_on=True)
            world.wait("everything serves elsewhere", lambda: _moved(world, chat, FAR))
        assert min(counts) >= 3, counts
    finally:
        _cordon(world, NEAR, is_on=False)


def test_a_pool_that_becomes_dear_is_left_only_once_others_serve(world: World, chat: str) -> None:
    """A change of price moves replicas as gently; a small change that gains too little moves none."""
    try:
        world.apply(_priced(NEAR, "4.2"))
        world.wait("the price is seen", lambda: _price_told(world, chat) == pytest.approx(3 * 4.2, rel=0.01))
        assert _moved(world, chat, NEAR)
        with least_serving(world, chat, "chat") as counts:
            world.apply(_priced(NEAR, "40"))
            world.wait("everything serves elsewhere", lambda: _moved(world, chat, FAR))
        assert min(counts) >= 3, counts
    finally:
        world.apply(_priced(NEAR, "2"))


def _price_told(world: World, namespace: str) -> float:
    return float(world.status(namespace, "chat")["cost"]["dollarsPerHour"])


def test_what_serves_stays_where_there_is_nowhere_to_go(world: World, namespace: str) -> None:
    """A cordon admits no new pods; it is no reason to end those that serve while nothing can take their place."""
    world.apply(wish("chat", namespace, rate="0.2", scaling={"minReplicas": 2}, placement=on(CHIP, NEAR)))
    world.wait_ready(namespace, "chat")
    before = {pod["metadata"]["uid"] for pod in world.pods(namespace, "chat")}
    try:
        _cordon(world, NEAR, is_on=True)
        world.wait(
            "the shortfall is told", lambda: world.condition(namespace, "chat", "Placed").get("status") == "False"
        )
        decided = world.operator.metric("quartermaster_decide_seconds_count")
        world.wait(
            "five more decisions", lambda: world.operator.metric("quartermaster_decide_seconds_count") > decided + 5
        )
        assert {pod["metadata"]["uid"] for pod in world.ready_pods(namespace, "chat")} == before
    finally:
        _cordon(world, NEAR, is_on=False)
    world.wait_ready(namespace, "chat")
    assert {pod["metadata"]["uid"] for pod in world.ready_pods(namespace, "chat")} == before


def test_a_change_of_the_template_rolls_without_a_gap(world: World, chat: str) -> None:
    """Other arguments mean other pods; the old ones serve until the new ones do."""
    before = {pod["metadata"]["uid"] for pod in world.pods(chat, "chat")}
    with least_serving(world, chat, "chat") as counts:
        world.cluster.patch(
            "inferencedeployments", "chat", {"spec": {"serving": {"maxContextTokens": 4096}}}, namespace=chat
        )
        world.wait("every pod is new", lambda: _is_renewed(world, chat, before))
    assert min(counts) >= 3, counts


def _is_renewed(world: World, namespace: str, before: set[str]) -> bool:
    serving = {pod["metadata"]["uid"] for pod in world.ready_pods(namespace, "chat")}
    return len(serving) == 3 and not serving & before


def _busiest_node(world: World, namespace: str) -> str:
    ((name, _),) = Counter(pod["spec"]["nodeName"] for pod in world.pods(namespace, "chat")).most_common(1)
    return str(name)


def _serve_off(world: World, namespace: str, lost: str) -> bool:
    places = [pod["spec"]["nodeName"] for pod in world.ready_pods(namespace, "chat")]
    return len(places) == 3 and lost not in places


def test_replicas_of_a_node_that_died_come_up_elsewhere(world: World, dead: tuple[str, str, float]) -> None:
    """Its pods are told apart, evicted, and replaced on nodes that live; nobody had to do anything."""
    namespace, lost, since_seconds = dead
    world.wait("three replicas serve on other nodes", lambda: _serve_off(world, namespace, lost), 2 * TIMEOUT_SECONDS)
    print(f"replicas of a dead node served again {time.monotonic() - since_seconds:.0f} s after its death at most")  # noqa: T201 - measured
    world.wait_ready(namespace, "chat")
