"""A whole cluster: it is a real Kubernetes, with fake nodes that behave as nodes do."""

import ipaddress
import time
from collections.abc import Sequence

import pytest

from tests.lab import identities
from tests.lab.client import RefusedError
from tests.lab.cluster import Cluster, CommandError
from tests.lab.identities import Identity
from tests.lab.objects import UnknownKindError, has_condition
from tests.lab.waiting import NotInTimeError
from tests.lab_tests import samples


@pytest.fixture(scope="module")
def cluster_people() -> Sequence[Identity]:
    """Return one ordinary user with a group."""
    return [identities.person("reader", "readers")]


@pytest.fixture(scope="module", autouse=True)
def nodes(cluster: Cluster) -> list[str]:
    """Give the cluster four fake nodes and return their names once they are Ready."""
    names = [f"node-{number}" for number in range(4)]
    cluster.apply([samples.node(name) for name in names])
    cluster.wait("pods may land on the nodes", lambda: all(samples.is_usable(node) for node in cluster.get("nodes")))
    return names


def test_it_is_kubernetes_of_the_stated_version(cluster: Cluster) -> None:
    """Charts read the version: a control plane that says v0.0.0 breaks them."""
    assert cluster.client.request("GET", "/version")["gitVersion"] == "v1.36.4"
    assert "Server Version: v1.36.4" in cluster.kubectl("version").stdout


def test_a_node_keeps_the_resources_that_it_was_given(cluster: Cluster, nodes: list[str]) -> None:
    """A fleet is described by its nodes' resources, labels and taints; nothing may replace them."""
    node = cluster.get("node", nodes[0])
    assert node["status"]["allocatable"]["nvidia.com/gpu"] == "8"
    assert [taint["key"] for taint in node["spec"]["taints"]] == ["kwok.x-k8s.io/node"]


def test_pods_of_a_deployment_become_ready_with_loopback_addresses(cluster: Cluster, namespace: str) -> None:
    """Every pod has an address of its own in the cluster's network, where a program of ours can listen."""
    started_seconds = time.monotonic()
    cluster.apply(samples.deployment("server", namespace, replicas=12))
    cluster.wait(
        "12 replicas are ready",
        lambda: cluster.get("deployment", "server", namespace)["status"].get("readyReplicas") == 12,
    )
    print(f"12 pods bound and Ready after {time.monotonic() - started_seconds:.2f} s")  # noqa: T201 - a figure for the log
    addresses = {ipaddress.IPv4Address(pod["status"]["podIP"]) for pod in cluster.get("pods", None, namespace)}
    assert len(addresses) == 12
    assert all(address in cluster.pod_cidr for address in addresses)


def test_a_pod_without_room_stays_pending_and_says_why(cluster: Cluster, namespace: str) -> None:
    """The real scheduler counts chips."""
    greedy = samples.pod("greedy", namespace)
    greedy["spec"]["containers"][0]["resources"] = {"limits": {"nvidia.com/gpu": "9"}}
    cluster.apply(greedy)

    def refusals() -> list[str]:
        conditions = cluster.get("pod", "greedy", namespace)["status"].get("conditions", [])
        return [condition["message"] for condition in conditions if condition["type"] == "PodScheduled"]

    (message,) = cluster.wait("the scheduler refuses the pod", refusals)
    assert "Insufficient nvidia.com/gpu" in message


def test_a_pod_starts_at_once_and_is_ready_after_its_delay(cluster: Cluster, namespace: str) -> None:
    """Loading a model takes time: the pod runs, has its address, and is not Ready."""
    cluster.apply(samples.pod("slow", namespace, ready_delay="700ms"))
    cluster.wait("the pod has an address", lambda: cluster.get("pod", "slow", namespace)["status"].get("podIP"))
    running = cluster.get("pod", "slow", namespace)
    assert running["status"]["phase"] == "Running"
    cluster.wait("the pod is Ready", lambda: has_condition(cluster.get("pod", "slow", namespace), "Ready"))
    ready = cluster.get("pod", "slow", namespace)
    assert ready["status"]["podIP"] == running["status"]["podIP"]
    assert ready["status"]["containerStatuses"][0]["ready"] is True


def test_readiness_is_withheld_given_and_taken_by_an_annotation(cluster: Cluster, namespace: str) -> None:
    """A pod annotated never-ready runs unready; without the annotation it is Ready; with it again, unready."""
    cluster.apply(samples.pod("moody", namespace, ready="never"))

    def is_ready(wanted: str) -> bool:
        return has_condition(cluster.get("pod", "moody", namespace), "Ready", wanted)

    cluster.wait("the pod runs unready", lambda: is_ready("False"))
    for value, expected in ((None, "True"), ("never", "False")):
        cluster.patch(
            "pod", "moody", {"metadata": {"annotations": {"lab.quartermaster.dev/ready": value}}}, namespace=namespace
        )
        cluster.wait(f"Ready turns {expected}", lambda expected=expected: is_ready(expected))  # type: ignore[misc]


def test_a_pod_fails_with_the_reason_that_it_was_given(cluster: Cluster, namespace: str) -> None:
    """A failed pod stays failed: no stage brings it back."""
    cluster.apply(samples.pod("doomed", namespace, fail="OutOfMemory"))
    cluster.wait("the pod fails", lambda: cluster.get("pod", "doomed", namespace)["status"]["phase"] == "Failed")
    assert cluster.get("pod", "doomed", namespace)["status"]["reason"] == "OutOfMemory"


def test_a_deleted_pod_takes_the_time_that_it_was_given(cluster: Cluster, namespace: str) -> None:
    """A draining pod is seen as terminating before it is gone."""
    cluster.apply(samples.pod("draining", namespace, termination_delay="600ms"))
    cluster.wait("the pod is Ready", lambda: has_condition(cluster.get("pod", "draining", namespace), "Ready"))
    cluster.delete("pod", "draining", namespace)
    assert "deletionTimestamp" in cluster.get("pod", "draining", namespace)["metadata"]
    cluster.wait("the pod is gone", lambda: cluster.find("pod", "draining", namespace) is None)


def test_a_job_completes(cluster: Cluster, namespace: str) -> None:
    """Pods of a Job end by themselves."""
    template = {"spec": {**samples.pod_spec(), "restartPolicy": "Never"}}
    metadata = {"name": "once", "namespace": namespace}
    cluster.apply({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": template}})
    cluster.wait("the job completes", lambda: has_condition(cluster.get("job", "once", namespace), "Complete"))


def test_a_node_fails_and_heals_by_an_annotation(cluster: Cluster, nodes: list[str]) -> None:
    """A failed node is NotReady and tainted by the real node controller; healed, it loses the taint."""

    def taints() -> set[str]:
        return {taint["key"] for taint in cluster.get("node", nodes[3])["spec"].get("taints", [])}

    def annotate(value: str | None) -> None:
        cluster.patch("node", nodes[3], {"metadata": {"annotations": {"lab.quartermaster.dev/node": value}}})

    annotate("failed")
    cluster.wait("the node is tainted", lambda: "node.kubernetes.io/not-ready" in taints())
    annotate(None)
    cluster.wait("the node is healed", lambda: "node.kubernetes.io/not-ready" not in taints())


def test_pod_security_is_enforced(cluster: Cluster) -> None:
    """Default admission is complete: a restricted namespace refuses a privileged pod."""
    cluster.create_namespace("restricted", {"pod-security.kubernetes.io/enforce": "restricted"})
    cluster.apply(samples.pod("polite", "restricted"))
    rude = samples.pod("rude", "restricted")
    rude["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    with pytest.raises(RefusedError, match="PodSecurity") as refused:
        cluster.apply(rude)
    assert refused.value.code == 403


def test_an_ordinary_user_has_only_the_rights_that_rbac_gives(cluster: Cluster, namespace: str) -> None:
    """Nobody but admin is admin: rights come from a RoleBinding to the user's group."""
    reader = cluster.acting_as("reader")
    with pytest.raises(RefusedError, match="cannot list resource"):
        reader.get("configmaps", None, namespace)
    cluster.kubectl(
        "create", "rolebinding", "view", "--clusterrole=view", "--group=readers", f"--namespace={namespace}"
    )
    cluster.wait("the binding works", lambda: _may_list(cluster, namespace))
    with pytest.raises(CommandError, match="cannot create"):
        cluster.kubectl("create", "configmap", "note", f"--namespace={namespace}", identity="reader")


def _may_list(cluster: Cluster, namespace: str) -> bool:
    return (
        cluster.kubectl("get", "configmaps", f"--namespace={namespace}", identity="reader", check=False).returncode == 0
    )


def test_a_service_account_speaks_with_its_own_name(cluster: Cluster, namespace: str) -> None:
    """The operator under test runs under a real token, never as admin."""
    path = cluster.service_account_kubeconfig(namespace, "default")
    answer = cluster.kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}", f"--kubeconfig={path}")
    assert answer.stdout == f"system:serviceaccount:{namespace}:default"


def test_a_new_kind_can_be_used_as_soon_as_its_definition_is_applied(cluster: Cluster, namespace: str) -> None:
    """Applying a CustomResourceDefinition waits until the API server serves it."""
    names = {"kind": "Gadget", "plural": "gadgets", "singular": "gadget", "shortNames": ["gd"]}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "gadgets.lab.test"},
        "spec": {
            "group": "lab.test",
            "scope": "Namespaced",
            "names": names,
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }
    gadget = {"apiVersion": "lab.test/v1", "kind": "Gadget", "metadata": {"name": "one", "namespace": namespace}}
    with pytest.raises(UnknownKindError, match="apply its CRD first"):
        cluster.get("gadget")
    cluster.apply([definition, gadget])
    assert cluster.get("gd", "one", namespace)["kind"] == "Gadget"
    assert [item["metadata"]["name"] for item in cluster.get("gadgets.lab.test")] == ["one"]


def test_waiting_in_vain_says_what_is_wrong(cluster: Cluster, namespace: str) -> None:
    """The message of a failed test names the pods that are not Ready and the scheduler's reason."""
    greedy = samples.pod("hopeless", namespace)
    greedy["spec"]["nodeSelector"] = {"no": "such"}
    cluster.apply(greedy)
    with pytest.raises(NotInTimeError, match="waited 1 s until the pod is Ready; last seen: False") as failure:
        cluster.wait("the pod is Ready", lambda: has_condition(cluster.get("pod", "hopeless", namespace), "Ready"), 1)
    notes = "\n".join(failure.value.__notes__)
    assert f"pod {namespace}/hopeless on no node is Pending, not Ready" in notes
    assert "FailedScheduling of Pod hopeless" in notes
