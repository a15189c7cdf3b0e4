"""What is kept of nodes, pods and children."""

from typing import Any

import pytest

from quartermaster.cluster import trim
from quartermaster.reconcile.observed import TaintSeen
from tests.lab.cluster import Cluster

GPU, TPU = "nvidia.com/gpu", "google.com/tpu"


def _container(restart_policy: str | None = None, **amounts: str) -> dict[str, Any]:
    names = {"gpu": GPU, "tpu": TPU}
    container: dict[str, Any] = {"resources": {"requests": {names.get(name, name): n for name, n in amounts.items()}}}
    if restart_policy:
        container["restartPolicy"] = restart_policy
    return container


def _pod(**parts: Any) -> dict[str, Any]:
    metadata = {"name": "llama-0", "namespace": "prod", "uid": "u-1", **parts.pop("metadata", {})}
    return {"metadata": metadata, "spec": parts.pop("spec", {}), "status": parts.pop("status", {})}


def _requests(**spec: Any) -> dict[str, int]:
    return dict(trim.pod("local")(_pod(spec=spec)).requests_by_resource)


def test_containers_of_a_pod_add_up() -> None:
    """They run side by side; CPU and memory are not devices."""
    assert _requests(containers=[_container(gpu="1", cpu="4"), _container(gpu="2", tpu="4")]) == {GPU: 3, TPU: 4}


def test_a_limit_without_a_request_is_a_request() -> None:
    """An API server fills requests in; whoever writes a file may leave them out."""
    limited = {"resources": {"limits": {GPU: "4", TPU: "2"}, "requests": {TPU: "1", "cpu": "1"}}}
    assert _requests(containers=[limited]) == {GPU: 4, TPU: 1}


def test_an_init_container_counts_only_where_it_needs_more() -> None:
    """It runs alone, before the others."""
    assert _requests(containers=[_container(gpu="2")], initContainers=[_container(gpu="1")]) == {GPU: 2}
    assert _requests(containers=[_container(gpu="2")], initContainers=[_container(gpu="8")]) == {GPU: 8}


def test_a_sidecar_counts_with_the_containers_and_with_later_init_containers() -> None:
    """An init container that restarts always runs on beside everything that starts after it."""
    sidecar = _container("Always", gpu="1")
    assert _requests(containers=[_container(gpu="2")], initContainers=[sidecar]) == {GPU: 3}
    assert _requests(containers=[_container(gpu="2")], initContainers=[sidecar, _container(gpu="8")]) == {GPU: 9}
    assert _requests(containers=[_container(gpu="2")], initContainers=[_container(gpu="8"), sidecar]) == {GPU: 8}


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_finished_pod_holds_nothing(phase: str) -> None:
    """Its object may stay for days."""
    seen = trim.pod("local")(_pod(spec={"containers": [_container(gpu="8")]}, status={"phase": phase}))
    assert seen.requests_by_resource == {}
    assert seen.is_finished


@pytest.mark.parametrize(
    ("name", "is_device"),
    [
        (GPU, True),
        ("aws.amazon.com/neuron", True),
        ("cpu", False),
        ("ephemeral-storage", False),
        ("hugepages-2Mi", False),
        ("attachable-volumes-gce-pd", False),
        ("node.kubernetes.io/thing", False),
        ("kubernetes.io/batch-cpu", False),
    ],
)
def test_devices_are_resources_of_a_foreign_domain(name: str, *, is_device: bool) -> None:
    """As the scheduler tells extended resources from native ones."""
    assert trim.is_extended(name) is is_device


def test_a_pod_keeps_only_labels_that_are_ours() -> None:
    """Labels of ten thousand foreign pods are of no use to a decision."""
    labels = {"quartermaster.dev/deployment": "llama", "app.kubernetes.io/name": "x", "team": "search"}
    seen = trim.pod("local")(_pod(metadata={"labels": labels}))
    assert seen.labels == {"quartermaster.dev/deployment": "llama", "app.kubernetes.io/name": "x"}


def test_an_unscheduled_pod_says_why() -> None:
    """The scheduler's words are what explains a shortfall."""
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/4 nodes"}
    seen = trim.pod("local")(_pod(status={"phase": "Pending", "conditions": [condition]}))
    assert (seen.scheduling_reason, seen.scheduling_message, seen.node_name) == ("Unschedulable", "0/4 nodes", None)


def test_a_container_that_waits_says_why_and_restarts_are_counted() -> None:
    """A crash loop and a missing image must be told apart from a slow start."""
    waiting = {"name": "server", "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    seen = trim.pod("local")(_pod(status={"containerStatuses": [{"state": {"running": {}}}, waiting]}))
    assert (seen.waiting_reason, seen.restarts) == ("CrashLoopBackOff", 3)


def test_an_evicted_pod_says_so() -> None:
    """The reason of the pod itself counts where no container has one."""
    assert trim.pod("local")(_pod(status={"phase": "Failed", "reason": "Evicted"})).waiting_reason == "Evicted"


def test_a_ready_pod_says_since_when() -> None:
    """Start-up times are learned from it."""
    condition = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-21T10:01:00Z"}
    status = {"phase": "Running", "podIP": "127.64.0.9", "startTime": "2026-11-21T10:00:00Z", "conditions": [condition]}
    seen = trim.pod("eu")(_pod(spec={"nodeName": "n1"}, status=status))
    assert (seen.cluster, seen.is_ready, seen.node_name, seen.pod_ip) == ("eu", True, "n1", "127.64.0.9")
    assert (seen.started_at, seen.ready_at) == ("2026-11-21T10:00:00Z", "2026-11-21T10:01:00Z")


def test_the_owner_is_the_controller() -> None:
    """Other owners only take part in garbage collection."""
    owners = [{"uid": "other"}, {"uid": "replica-set", "controller": True}]
    assert trim.pod("local")(_pod(metadata={"ownerReferences": owners})).owner_uid == "replica-set"


def test_pods_that_bear_the_same_labels_share_them() -> None:
    """Ten thousand pods are a few hundred kinds of pod."""
    labels = {"labels": {"quartermaster.dev/deployment": "llama"}}
    spec = {"containers": [_container(gpu="1")]}
    first, second = (trim.pod("local")(_pod(metadata=labels, spec=spec)) for _ in range(2))
    assert first.labels is second.labels
    assert first.requests_by_resource is second.requests_by_resource


def test_an_amount_that_is_no_quantity_refuses_the_object() -> None:
    """The reason names what was found."""
    with pytest.raises(ValueError, match="eight"):
        trim.pod("local")(_pod(spec={"containers": [_container(gpu="eight")]}))


def test_a_node_is_counted_in_whole_devices_and_read_as_it_stands() -> None:
    """A cordoned node that is going away, with a broken device plugin."""
    node = trim.node("local")(
        {
            "metadata": {"name": "n1", "uid": "u-1", "labels": {"a": "b"}, "deletionTimestamp": "2026-11-21T10:00:00Z"},
            "spec": {
                "unschedulable": True,
                "providerID": "lab://n1",
                "taints": [
                    {"key": GPU, "value": "present", "effect": "NoSchedule"},
                    {"key": "x", "effect": "NoExecute"},
                ],
            },
            "status": {
                "allocatable": {"cpu": "95500m", "memory": "1Ti", "pods": "110", GPU: "8", TPU: "0"},
                "conditions": [{"type": "MemoryPressure", "status": "True"}, {"type": "Ready", "status": "Unknown"}],
            },
        }
    )
    assert node.allocatable_by_resource == {GPU: 8, TPU: 0}
    assert (node.allocatable_cpu_millicores, node.allocatable_memory_bytes) == (95_500, 2**40)
    assert node.taints == (TaintSeen(GPU, "present", "NoSchedule"), TaintSeen("x", "", "NoExecute"))
    assert (node.is_ready, node.is_cordoned, node.is_deleting, node.provider_id) == (False, True, True, "lab://n1")


def test_a_child_is_whole_but_for_the_managed_fields() -> None:
    """They are the larger part of an object, and of no use here."""
    document = {
        "metadata": {"name": "a", "namespace": "prod", "uid": "u-1", "managedFields": [{}], "labels": {"a": "b"}},
        "spec": {"replicas": 2},
    }
    seen = trim.child("local", "Deployment")(document)
    assert seen.object == {
        "metadata": {"name": "a", "namespace": "prod", "uid": "u-1", "labels": {"a": "b"}},
        "spec": {"replicas": 2},
    }
    assert (seen.kind, seen.labels, seen.is_deleting) == ("Deployment", {"a": "b"}, False)


def test_a_real_pod_and_a_real_node_are_read(cluster: Cluster, namespace: str) -> None:
    """The API server fills in requests from limits; a pod with a finalizer stays while it goes."""
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": "trim-node", "labels": {"cloud.google.com/gke-accelerator": "nvidia-h100-80gb"}},
            "spec": {
                "providerID": "lab://trim-node",
                "taints": [{"key": GPU, "value": "present", "effect": "NoSchedule"}],
            },
        }
    )
    status = {"allocatable": {"cpu": "4", "memory": "16Gi", GPU: "8"}, "capacity": {GPU: "8"}}
    cluster.patch("nodes", "trim-node", {"status": status}, subresource="status")
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "llama-0", "namespace": namespace, "finalizers": ["example.org/hold"]},
            "spec": {"containers": [{"name": "server", "image": "x", "resources": {"limits": {GPU: "2"}}}]},
        }
    )
    cluster.delete("pods", "llama-0", namespace)
    pod = trim.pod("local")(cluster.get("pods", "llama-0", namespace))
    node = trim.node("local")(cluster.get("nodes", "trim-node"))
    assert (pod.requests_by_resource, pod.phase, pod.is_deleting) == ({GPU: 2}, "Pending", True)
    assert (node.allocatable_by_resource, node.is_ready, node.provider_id) == ({GPU: 8}, False, "lab://trim-node")
    assert node.allocatable_memory_bytes == 16 * 2**30
    cluster.patch("pods", "llama-0", {"metadata": {"finalizers": None}}, namespace=namespace)
