"""What is planned is bound: replicas of 1, 2, 4 and 8 chips on fragmented nodes, by the real scheduler.

The scheduler knows nothing of the plan and spreads pods over nodes. The wishes are there before the operator looks, so
that all of them are planned at once and their children are wanted at the same time.
"""

from collections import Counter
from collections.abc import Iterator

import pytest

from quartermaster.api import names
from tests.e2e.wishes import Object, shape, wish
from tests.e2e.world import World
from tests.lab import fleet, operator
from tests.lab.cluster import Cluster

CHIP, RESOURCE = "nvidia-h100-sxm", "nvidia.com/gpu"
NODES, CHIPS = 12, 8
FOREIGN = (1, 2, 3, 1, 5, 0, 0, 4, 0, 2, 0, 6)
"""Chips that pods of others hold, node by node; 72 of 96 are left."""
WANTED = {"eight": (8, 3), "four-a": (4, 3), "four-b": (4, 2), "two-a": (2, 4), "two-b": (2, 3), "one-a": (1, 8)}
"""Chips of a replica and replicas, by deployment: 66 chips, so that 69 of 72 are held with the last one."""
LAST = ("one-b", 1, 3)
NAMESPACE = "packing"


def foreign(node: str, number: int, chips: int) -> Object:
    """Return a pod of somebody else that sits on a node."""
    limits = {RESOURCE: str(chips)}
    container = {"name": "job", "image": "example.com/job", "resources": {"limits": limits, "requests": limits}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"job-{number}", "namespace": NAMESPACE},
        "spec": {"nodeName": node, "containers": [container], "terminationGracePeriodSeconds": 0},
    }


def sized(name: str, chips: int, replicas: int) -> Object:
    """Return a wish for so many replicas of so many chips each."""
    serving = {"shapes": [shape(CHIP, chips=chips)], "maxContextTokens": 8192}
    return wish(name, NAMESPACE, rate=None, replicas=replicas, serving=serving)


@pytest.fixture(scope="module")
def world(cluster: Cluster) -> Iterator[World]:
    """Put nodes, other people's pods and the wishes up, and only then start the operator."""
    operator.install(cluster)
    operator.let_garbage_be_collected(cluster)
    cluster.create_namespace(NAMESPACE)
    nodes = fleet.nodes(accelerator=CHIP, platform="eks", region="us-east-1", count=NODES)
    cluster.apply(nodes)
    held = [(node["metadata"]["name"], chips) for node, chips in zip(nodes, FOREIGN, strict=True)]
    cluster.apply([foreign(node, number, chips) for number, (node, chips) in enumerate(held) if chips])
    cluster.apply([sized(name, chips, replicas) for name, (chips, replicas) in WANTED.items()])
    cluster.apply(sized(*LAST))
    with operator.operator(cluster, settings={"SCALE_SECONDS": "1"}) as process:
        yield World(cluster, process)


def free_chips(world: World) -> Counter[str]:
    """Return the chips that nobody holds, by node."""
    free = Counter({node["metadata"]["name"]: CHIPS for node in world.cluster.get("nodes")})
    for pod in world.cluster.get("pods"):
        for container in pod["spec"]["containers"]:
            chips = int(container["resources"].get("limits", {}).get(RESOURCE, 0))
            free[pod["spec"].get("nodeName", "")] -= chips
    return free


def assert_bound(world: World, wanted: dict[str, tuple[int, int]]) -> None:
    """Every wish is Ready in full, and its pods sit on nodes and hold the chips that were planned."""
    for name, (chips, replicas) in wanted.items():
        status = world.wait_ready(NAMESPACE, name)
        assert (status["replicas"], status["readyReplicas"]) == (replicas, replicas), name
        pods = world.pods(NAMESPACE, name)
        assert len(pods) == replicas
        assert all(pod["spec"].get("nodeName") for pod in pods), name
        assert world.chips(NAMESPACE, name) == {RESOURCE: chips * replicas}


def test_every_planned_pod_is_bound_on_a_fragmented_and_nearly_full_fleet(world: World) -> None:
    """Large and small replicas wished for together: 69 of the 72 chips that others leave, and none without a node."""
    assert_bound(world, {**WANTED, LAST[0]: LAST[1:]})
    free = free_chips(world)
    assert min(free.values()) >= 0
    assert free.total() == NODES * CHIPS - sum(FOREIGN) - 69


def test_after_the_small_ones_left_what_fits_between_the_others_is_bound_too(world: World) -> None:
    """The small replicas leave holes as the scheduler spread them; larger and smaller ones come in their place."""
    for name in ("one-a", "one-b", "two-a"):
        world.cluster.delete("inferencedeployments", name, NAMESPACE)
    label = names.DEPLOYMENT_LABEL
    gone = f"{label} in (one-a,one-b,two-a)"
    world.wait("their pods are gone", lambda: not world.cluster.get("pods", None, NAMESPACE, gone))
    holes = free_chips(world)
    wanted: dict[str, tuple[int, int]] = {}
    for chips in (4, 2, 1):
        places = sum(free // chips for free in holes.values())
        holes = Counter({node: free % chips for node, free in holes.items()})
        if places:
            wanted[f"new-{chips}"] = (chips, places)
    assert len(wanted) > 1, holes
    # While the operator stands still it sees none of them; afterwards it sees all at once.
    world.operator.freeze()
    try:
        world.apply(*(sized(name, *sizes) for name, sizes in reversed(wanted.items())))
    finally:
        world.operator.thaw()
    assert_bound(world, wanted)
    assert free_chips(world).total() == 0


def test_a_roll_out_on_a_full_fleet_ends(world: World) -> None:
    """There is no room for one pod more: one goes before its successor comes, until every pod is new."""
    assert free_chips(world).total() == 0
    before = {pod["metadata"]["uid"] for pod in world.pods(NAMESPACE, "eight")}
    serving = {"shapes": [shape(CHIP, chips=8)], "maxContextTokens": 4096}
    world.cluster.patch("inferencedeployments", "eight", {"spec": {"serving": serving}}, namespace=NAMESPACE)

    def is_renewed() -> bool:
        serving = {pod["metadata"]["uid"] for pod in world.ready_pods(NAMESPACE, "eight")}
        return len(serving) == 3 and not serving & before

    world.wait("every pod is new", is_renewed, 90.0)
    world.wait_ready(NAMESPACE, "eight")

    def surge() -> int:
        (child,) = world.deployments(NAMESPACE, "eight")
        found: int = child["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
        return found

    world.wait("the next roll-out makes before it breaks again", lambda: surge() == 1)
