"""Replicas spread over zones, over a world in memory: a Deployment for each zone, and counts that move between them."""

from typing import Any

import pytest

from quartermaster.api import names
from quartermaster.catalog.locality import ZONE
from tests.lab import fleet
from tests.reconcile.test_decide import wish
from tests.reconcile.world import World

REGION = "us-east-1"
CHAT = "chat"
Object = dict[str, Any]


def zoned(*, nodes: int, replicas: int, zones: int = 3) -> World:
    """Return a settled world of small nodes over three zones, and a deployment spread over some of them."""
    world = World()
    world.create(*fleet.nodes(accelerator="nvidia-l4", platform="eks", region=REGION, count=nodes))
    world.create(asked(replicas, zones))
    world.settle()
    return world


def asked(replicas: int, zones: int) -> Object:
    """Return a deployment of so many replicas over at least so many zones."""
    return wish(CHAT, replicas=replicas, placement={"minZones": zones})


def counts(world: World) -> dict[str, int]:
    """Return the replicas of each child, by the last letter of its zone."""
    return {d["metadata"]["labels"][names.ZONE_LABEL][-1]: d["spec"]["replicas"] for d in world.deployments(CHAT)}


def templates(world: World) -> dict[str, Object]:
    """Return the pod template of each child, by its name."""
    return {d["metadata"]["name"]: d["spec"]["template"] for d in world.deployments(CHAT)}


def in_zone(world: World, letter: str) -> list[str]:
    """Return the names of the nodes in a zone."""
    return [
        node["metadata"]["name"] for node in world.of("Node") if node["metadata"]["labels"][ZONE] == REGION + letter
    ]


def sitting(world: World) -> set[str]:
    """Return the nodes that hold a replica."""
    return {pod.node_name for pod in world.look().pods if pod.node_name is not None}


def lose(world: World, node: str) -> None:
    """Take a node away with the replicas on it."""
    lost = [pod.name for pod in world.look().pods if pod.node_name == node]
    del world.objects["Node", "", node]
    for document in world.deployments(CHAT):
        gone = sum(pod.startswith(f"{document['metadata']['name']}-") for pod in lost)
        document["status"]["readyReplicas"] -= gone


def test_each_zone_of_a_spread_has_a_deployment_and_a_row_of_the_status() -> None:
    """Every pod sits in the zone of its Deployment, and the status tells how many are ready there."""
    world = zoned(nodes=6, replicas=3)
    assert counts(world) == {"a": 1, "b": 1, "c": 1}
    zone_by_node = {node["metadata"]["name"]: node["metadata"]["labels"][ZONE] for node in world.of("Node")}
    pods = world.look().pods
    assert len(pods) == 3
    assert all(zone_by_node[pod.node_name or ""] == pod.labels[names.ZONE_LABEL] for pod in pods)
    rows = world.status(CHAT)["placements"]
    assert [(row["zone"][-1], row["desired"], row["ready"]) for row in rows] == [("a", 1, 1), ("b", 1, 1), ("c", 1, 1)]
    assert f"({REGION}a)" in world.condition(CHAT, "Placed")["message"]


def test_more_and_fewer_replicas_change_no_template() -> None:
    """Counts follow the load; a template that changed would replace every pod."""
    world = zoned(nodes=9, replicas=3)
    before = templates(world)
    for replicas in (7, 4):
        world.create(asked(replicas, 3) | {"status": world.status(CHAT)})
        world.settle()
        assert sum(counts(world).values()) == replicas
        assert min(counts(world).values()) >= 1
        assert templates(world) == before


def test_a_replica_that_lost_its_node_finds_another_in_its_zone() -> None:
    """Nothing is planned elsewhere, and nothing is written: the ReplicaSet makes a new pod, which has room."""
    world = zoned(nodes=6, replicas=3)
    before, held = counts(world), sitting(world)
    (lost,) = held & set(in_zone(world, "a"))
    lose(world, lost)
    world.settle()
    assert counts(world) == before
    (node,) = sitting(world) - held
    assert node in in_zone(world, "a")


@pytest.mark.parametrize("nodes", [3, 6])
def test_a_zone_without_nodes_gives_its_replicas_to_another(nodes: int) -> None:
    """Two zones are asked for and three are there: the count of the lost one goes to where there is room."""
    world = zoned(nodes=nodes, replicas=2, zones=2)
    first, *_ = counts(world)
    kept = {name: template for name, template in templates(world).items() if f"{REGION}{first}" not in str(template)}
    for node in in_zone(world, first):
        lose(world, node)
    world.settle()
    assert len(counts(world)) == 2
    assert first not in counts(world)
    assert kept.items() <= templates(world).items(), "who stays is not replaced"
    assert world.condition(CHAT, "Ready")["status"] == "True"


def test_too_few_zones_are_a_shortfall_and_all_serve_where_they_can() -> None:
    """One zone is left of the two that are asked for: who is there stays, who was elsewhere comes."""
    world = zoned(nodes=6, replicas=2, zones=2)
    _, second = counts(world)
    for letter in {"a", "b", "c"} - {second}:
        for node in in_zone(world, letter):
            lose(world, node)
    world.settle()
    assert world.condition(CHAT, "Placed")["status"] == "False"
    assert counts(world) == {second: 2}


def test_a_deployment_that_asks_for_zones_moves_from_any_zone_into_them_and_back() -> None:
    """What runs where it may be in any zone is kept until those in zones serve, and then it goes."""
    world = zoned(nodes=6, replicas=2, zones=1)
    (before,) = world.deployments(CHAT)
    assert names.ZONE_LABEL not in before["metadata"]["labels"]
    world.create(asked(2, 2) | {"status": world.status(CHAT)})
    world.turn()
    assert before["metadata"]["name"] in templates(world), "it serves while its successors start"
    world.settle()
    assert sorted(counts(world).values()) == [1, 1]
    world.create(asked(2, 1) | {"status": world.status(CHAT)})
    world.settle()
    assert list(templates(world)) == [before["metadata"]["name"]]
