"""Nodes and AcceleratorPools become pools; chips are counted; a pool's labels find its own nodes and no others."""

from typing import Any

import pytest

from quartermaster.api import names
from quartermaster.api.parse import parse_document
from quartermaster.api.v1alpha1 import AcceleratorPool
from quartermaster.api.v1alpha1.enums import CapacityType
from quartermaster.catalog.load import load_catalog
from quartermaster.planner.fleet import Pool, Source
from quartermaster.reconcile.observed import NodeSeen, PodSeen
from quartermaster.reconcile.pools import Refusal, pools
from tests.lab import fleet
from tests.reconcile.seen import node_seen, pod_seen


def declare(name: str, **spec: Any) -> AcceleratorPool:
    """Return an AcceleratorPool."""
    document = {
        "apiVersion": names.API_VERSION,
        "kind": "AcceleratorPool",
        "metadata": {"name": name},
        "spec": spec,
    }
    parsed = parse_document(document)
    assert isinstance(parsed, AcceleratorPool)
    return parsed


def found(
    nodes: list[dict[str, Any]], pods: list[PodSeen] | None = None, declared: list[AcceleratorPool] | None = None
) -> tuple[dict[str, Pool], tuple[Refusal, ...]]:
    """Return pools by name, and refusals."""
    made, refused = pools([node_seen(node) for node in nodes], pods or [], declared or [], load_catalog())
    return {pool.name: pool for pool in made}, refused


def h100(count: int = 2, **options: Any) -> list[dict[str, Any]]:
    """Return H100 nodes of GKE."""
    base: dict[str, Any] = {"accelerator": "nvidia-h100-sxm", "platform": "gke", "region": "europe-west4"}
    return fleet.nodes(**{**base, "count": count, **options})


def matches(pool: Pool, node: NodeSeen) -> bool:
    """Whether a pod pinned to the pool could be scheduled on the node."""
    return dict(pool.node_labels).items() <= node.labels.items() and not set(pool.absent_labels) & node.labels.keys()


def test_a_pool_is_discovered_with_its_region_price_and_facts() -> None:
    """Labels are enough for a pool on a public cloud."""
    by_name, refused = found(h100())
    (pool,) = by_name.values()
    assert refused == ()
    assert (pool.region, pool.provider, pool.accelerator_name) == ("europe-west4", "gcp", "nvidia-h100-sxm")
    assert pool.resource_name == "nvidia.com/gpu"
    assert pool.available_chips == 16
    assert pool.facts.jurisdictions is not None
    assert "EU" in pool.facts.jurisdictions
    assert pool.dollars_per_chip_hour is not None


def test_chips_of_others_are_taken_and_our_own_are_available() -> None:
    """Free is what nobody holds; available is what others leave to us."""
    nodes = h100(1)
    name = nodes[0]["metadata"]["name"]
    ours = pod_seen("ours", node=name, chips={"nvidia.com/gpu": 2}, pool="x")
    theirs = pod_seen("theirs", node=name, chips={"nvidia.com/gpu": 1})
    done = pod_seen("done", node=name, chips={}, phase="Succeeded")
    by_name, _ = found(nodes, [ours, theirs, done])
    (host,) = next(iter(by_name.values())).hosts
    assert (host.chips, host.available_chips, host.free_chips) == (8, 7, 5)


def test_only_ready_and_schedulable_nodes_count() -> None:
    """A cordoned node and a broken one hold no capacity."""
    nodes = h100(3)
    nodes[0]["spec"]["unschedulable"] = True
    nodes[1]["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
    by_name, _ = found(nodes)
    assert next(iter(by_name.values())).available_chips == 8


def test_spot_and_on_demand_nodes_are_different_pools_that_never_share_a_node() -> None:
    """Pods pinned to on-demand capacity are kept off spot nodes by the label that only these carry."""
    by_name, _ = found([*h100(1), *h100(1, capacity_type="Spot", name_prefix="spot")])
    spot = next(pool for pool in by_name.values() if pool.capacity_type is CapacityType.SPOT)
    firm = next(pool for pool in by_name.values() if pool.capacity_type is CapacityType.ON_DEMAND)
    seen = {node["metadata"]["name"]: node_seen(node) for node in h100(1, capacity_type="Spot", name_prefix="spot")}
    assert all(matches(spot, node) and not matches(firm, node) for node in seen.values())


def test_an_accelerator_pool_overrides_facts_and_leaves_the_rest_discovered() -> None:
    """Nodes that it selects are its own; the others stay apart, also for the scheduler."""
    nodes = h100(2)
    nodes[0]["metadata"]["labels"]["team"] = "a"
    declared = declare("team-a", nodeSelector={"team": "a"}, dollarsPerChipHour="3.5", jurisdictions=["DE"])
    by_name, _ = found(nodes, declared=[declared])
    ours = by_name["team-a"]
    rest = next(pool for name, pool in by_name.items() if name != "team-a")
    assert (ours.dollars_per_chip_hour, ours.price_source) == (3.5, Source.DECLARED)
    assert ours.facts.jurisdictions == frozenset({"DE"})
    first, second = node_seen(nodes[0]), node_seen(nodes[1])
    assert matches(ours, first)
    assert not matches(ours, second)
    assert matches(rest, second)
    assert not matches(rest, first)


def test_a_multi_host_slice_is_one_host_and_is_taken_whole() -> None:
    """One pod of others on one of its nodes takes the slice away."""
    nodes = fleet.nodes(accelerator="google-tpu-v6e", platform="gke", region="europe-west4", count=1, topology="4x4")
    by_name, _ = found(nodes)
    (host,) = next(iter(by_name.values())).hosts
    assert (host.chips, host.nodes, host.is_whole, host.available_chips) == (16, len(nodes), True, 16)
    guest = pod_seen("guest", node=nodes[0]["metadata"]["name"], chips={"google.com/tpu": 1})
    by_name, _ = found(nodes, [guest])
    assert next(iter(by_name.values())).available_chips == 0


def test_a_slice_with_a_missing_host_cannot_be_taken() -> None:
    """Fifteen of sixteen chips are no slice."""
    nodes = fleet.nodes(accelerator="google-tpu-v6e", platform="gke", region="europe-west4", count=1, topology="4x4")
    by_name, _ = found(nodes[1:])
    assert all(pool.available_chips == 0 for pool in by_name.values())


def test_a_pool_without_nodes_is_planned_on_when_an_autoscaler_can_grow_it() -> None:
    """Its nodes do not exist yet, and are counted up to the limit."""
    declared = declare(
        "grows",
        accelerator="nvidia-l4",
        region="europe-west4",
        limits={"maxNodes": 3},
        nodeTemplate={"chips": 2},
    )
    by_name, _ = found([], declared=[declared])
    pool = by_name["grows"]
    assert pool.available_chips == 6
    assert not any(host.exists for host in pool.hosts)


def test_a_node_that_cannot_be_planned_on_is_told_with_the_remedy() -> None:
    """Nothing is dropped in silence."""
    nodes = h100(1)
    nodes[0]["metadata"]["labels"].pop("topology.kubernetes.io/region")
    by_name, refused = found(nodes)
    assert by_name == {}
    assert "topology.kubernetes.io/region" in refused[0].message


def test_an_unexplained_taint_keeps_us_off_until_a_pool_tolerates_it() -> None:
    """Whoever taints a node means to keep others off; an AcceleratorPool says that we are welcome."""
    nodes = h100(1)
    nodes[0]["spec"]["taints"].append({"key": "team", "value": "a", "effect": "NoSchedule"})
    by_name, refused = found(nodes)
    assert by_name == {}
    assert "team=a:NoSchedule" in refused[0].message
    label = "topology.kubernetes.io/region"
    declared = declare("ours", nodeSelector={label: "europe-west4"}, tolerations=[{"key": "team", "value": "a"}])
    by_name, refused = found(nodes, declared=[declared])
    assert refused == ()
    assert by_name["ours"].available_chips == 8


@pytest.mark.parametrize("accelerator", ["google-tpu-v5e", "aws-inferentia2", "amd-mi300x", "intel-gaudi3"])
def test_every_class_of_chip_is_counted_by_its_own_resource(accelerator: str) -> None:
    """The name of the resource is the one that the vendor's device plugin offers."""
    platform = {"google-tpu-v5e": "gke", "aws-inferentia2": "eks"}.get(accelerator, "bare")
    region = {"gke": "europe-west4", "eks": "us-east-1"}.get(platform, "eu-central-1")
    by_name, refused = found(fleet.nodes(accelerator=accelerator, platform=platform, region=region, count=2))
    assert refused == ()
    (pool,) = by_name.values()
    assert pool.resource_name == load_catalog().accelerator(accelerator).resource_name
    assert pool.available_chips > 0


def test_equal_worlds_give_equal_pools_in_any_order() -> None:
    """The order in which nodes are seen does not matter."""
    nodes = [node for node in fleet.example_fleet() if node["kind"] == "Node"]
    assert found(nodes)[0] == found(list(reversed(nodes)))[0]
