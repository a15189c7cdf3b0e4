"""The same objects on a real control plane: accepted under restricted Pod Security, and bound to the right nodes."""

from dataclasses import replace
from typing import Any

import pytest

from quartermaster.api.v1alpha1.enums import EngineName
from quartermaster.catalog.discovery import Identified, identify
from quartermaster.catalog.locality import REGION
from quartermaster.catalog.slices import TPU_TOPOLOGY
from quartermaster.manifests import drift
from quartermaster.planner.fleet import Host, Pool
from tests.lab import fleet
from tests.lab.client import APPLY
from tests.lab.cluster import Cluster
from tests.manifests import world
from tests.manifests.cases import CASES

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted"}

MACHINES: dict[str, tuple[fleet.NodeOptions, EngineName, int]] = {
    "nvidia.com/gpu": (
        {"accelerator": "nvidia-h100-sxm", "platform": "eks", "region": "us-east-1"},
        EngineName.TENSORRT_LLM,
        4,
    ),
    "google.com/tpu": (
        {"accelerator": "google-tpu-v6e", "platform": "gke", "region": "europe-west4"},
        EngineName.VLLM_TPU,
        4,
    ),
    "aws.amazon.com/neuron": (
        {"accelerator": "aws-inferentia2", "platform": "eks", "region": "us-east-1"},
        EngineName.VLLM_NEURON,
        1,
    ),
    "habana.ai/gaudi": (
        {"accelerator": "intel-gaudi3", "platform": "bare", "region": "us-east-1"},
        EngineName.VLLM_GAUDI,
        2,
    ),
    "amd.com/gpu": (
        {"accelerator": "amd-mi300x", "platform": "bare", "region": "europe-west4"},
        EngineName.SGLANG,
        2,
    ),
}
"""Extended resource → nodes that offer it, the engine to run there, and the chips of one replica."""


@pytest.fixture(scope="module")
def nodes(cluster: Cluster) -> dict[str, fleet.Object]:
    """Return the nodes of all vendors by name, applied to the cluster: each vendor's in two regions."""
    made = []
    for options, _, _ in MACHINES.values():
        for region in (options["region"], "asia-northeast1"):
            elsewhere: fleet.NodeOptions = {**options, "region": region}
            made += fleet.nodes(**elsewhere)
    cluster.apply(made)
    return {node["metadata"]["name"]: node for node in made}


def pool_of(node: fleet.Object) -> Pool:
    """Return the pool that the node would form."""
    labels = node["metadata"]["labels"]
    counted = {name: int(count) for name, count in node["status"]["allocatable"].items() if "/" in name}
    found = identify(labels, counted)
    assert isinstance(found, Identified), found
    host = Host(node["metadata"]["name"], labels.get("topology.kubernetes.io/zone", ""), found.chips, found.chips, 0)
    kept = (REGION, TPU_TOPOLOGY, found.witnesses[0].label)
    return replace(
        world.pool(found.accelerator.name, region=labels[REGION]),
        hosts=(replace(host, is_whole="google" in found.accelerator.name),),
        resource_name=found.resource_name,
        node_labels={label: labels[label] for label in kept if label in labels},
    )


@pytest.fixture
def serving_namespace(cluster: Cluster) -> str:
    """Return the namespace of the rendered objects, under the restricted Pod Security Standard."""
    if cluster.find("namespaces", world.NAMESPACE) is None:
        cluster.create_namespace(world.NAMESPACE, RESTRICTED)
    return world.NAMESPACE


def dry_run(cluster: Cluster, item: fleet.Object) -> fleet.Object:
    """Apply an object server-side without storing it; fields that the API server does not know are an error."""
    path = cluster.resource(item["kind"], item["apiVersion"]).path(world.NAMESPACE, item["metadata"]["name"])
    query = {"fieldManager": "test", "force": "true", "dryRun": "All", "fieldValidation": "Strict"}
    stored: fleet.Object = cluster.client.request("PATCH", path, query=query, body=item, content_type=APPLY)
    return stored


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_api_server_accepts_every_golden_object(name: str, cluster: Cluster, serving_namespace: str) -> None:
    """Objects are valid, and pods of every Deployment are allowed where Pod Security is restricted."""
    for item in CASES[name]():
        dry_run(cluster, item)
        if item["kind"] == "Deployment":
            template = item["spec"]["template"]
            metadata = {**template["metadata"], "name": name.replace(".", "-"), "namespace": serving_namespace}
            spec = {k: v for k, v in template["spec"].items() if k not in {"serviceAccountName", "priorityClassName"}}
            dry_run(cluster, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})


@pytest.mark.parametrize("name", sorted(CASES))
def test_an_object_that_was_stored_is_what_was_wanted(name: str, cluster: Cluster, serving_namespace: str) -> None:
    """Defaults and rewritten quantities of the API server are no drift, so a settled world gets no write."""
    assert serving_namespace == world.NAMESPACE
    for item in CASES[name]():
        seen = dry_run(cluster, drift.stamped(item))
        assert drift.difference(item, seen) is None


@pytest.mark.parametrize("source", ["oci://registry.example.com/llama:1", "pvc://weights/llama", "s3://weights/llama"])
def test_weights_of_every_source_are_allowed_under_restricted_pod_security(
    source: str, cluster: Cluster, serving_namespace: str
) -> None:
    """Volumes that hold weights are of kinds that the standard admits."""
    wanted = world.deployment(model={"name": "llama-3.3-70b-instruct", "source": source})
    rendered = world.render_one(wanted, world.pool("nvidia-h200-sxm"), world.shape(EngineName.VLLM, 4))
    template = rendered["spec"]["template"]
    metadata = {**template["metadata"], "name": "weights", "namespace": serving_namespace}
    dry_run(cluster, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]})


@pytest.mark.parametrize("resource", sorted(MACHINES))
def test_pods_bind_to_the_pools_nodes_and_to_no_other(
    resource: str, cluster: Cluster, namespace: str, nodes: dict[str, fleet.Object]
) -> None:
    """The scheduler finds the pool by its labels and chips, although equal chips stand in another region."""
    options, engine, chips = MACHINES[resource]
    (home,) = [
        node
        for node in nodes.values()
        if node["metadata"]["labels"][REGION] == options["region"] and resource in node["status"]["allocatable"]
    ]
    where = pool_of(home)
    wanted = world.deployment(resource.replace("/", "-").replace(".", "-"), namespace=namespace)
    placed = world.placement(wanted, where, world.shape(engine, chips), replicas=1)
    rendered = world.render(wanted, (where, placed))
    cluster.apply([without_owner(item) for item in rendered])
    name = rendered[-1]["metadata"]["name"]

    def is_available() -> bool:
        return bool(cluster.get("deployments", name, namespace)["status"].get("readyReplicas"))

    cluster.wait(f"deployment {name} is ready", is_available)
    (pod,) = cluster.get("pods", None, namespace, "quartermaster.dev/inference-deployment")
    assert pod["spec"]["nodeName"] == home["metadata"]["name"]
    asked = pod["spec"]["containers"][0]["resources"]["limits"][resource]
    assert int(asked) == where.hosts[0].chips if where.hosts[0].is_whole else int(asked) == chips


def test_a_replica_too_many_waits_rather_than_leave_its_pool(
    cluster: Cluster, namespace: str, nodes: dict[str, fleet.Object]
) -> None:
    """Free chips of the same kind in another region are no temptation."""
    options = MACHINES["amd.com/gpu"][0]
    (home,) = [
        n
        for n in nodes.values()
        if "amd.com/gpu" in n["status"]["allocatable"] and n["metadata"]["labels"][REGION] == options["region"]
    ]
    where, wanted = pool_of(home), world.deployment("full", namespace=namespace)
    placed = world.placement(wanted, where, world.shape(EngineName.SGLANG, 8), replicas=2)
    cluster.apply([without_owner(item) for item in world.render(wanted, (where, placed))])

    def refused() -> list[Any]:
        pods = cluster.get("pods", None, namespace)
        conditions = [c for pod in pods for c in pod["status"].get("conditions", [])]
        return [c for c in conditions if c["type"] == "PodScheduled" and c.get("reason") == "Unschedulable"]

    assert "amd.com/gpu" in cluster.wait("one replica is unschedulable", refused)[0]["message"]
    bound = {pod["spec"].get("nodeName") for pod in cluster.get("pods", None, namespace)}
    assert bound <= {home["metadata"]["name"], None}


def test_the_budget_lets_one_pod_of_few_go(cluster: Cluster, namespace: str, nodes: dict[str, fleet.Object]) -> None:
    """A drain always gets on, one pod at a time."""
    _, engine, chips = MACHINES["aws.amazon.com/neuron"]
    homes = [n for n in nodes.values() if "aws.amazon.com/neuron" in n["status"]["allocatable"]]
    where = next(pool_of(n) for n in homes if n["metadata"]["labels"][REGION] == "asia-northeast1")
    wanted = world.deployment("budget", namespace=namespace)
    rendered = world.render(wanted, (where, world.placement(wanted, where, world.shape(engine, chips), replicas=1)))
    cluster.apply([without_owner(item) for item in rendered])

    def is_one_allowed() -> bool:
        budget = cluster.get("poddisruptionbudgets", "budget", namespace)
        return bool(budget.get("status", {}).get("disruptionsAllowed") == 1)

    cluster.wait("the budget allows one disruption", is_one_allowed)


def without_owner(item: world.JsonObject) -> world.JsonObject:
    """Return the object without its owner, which is not in this cluster and would have it collected."""
    metadata = {key: value for key, value in item["metadata"].items() if key != "ownerReferences"}
    return {**item, "metadata": metadata}
