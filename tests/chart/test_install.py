"""The chart installed by Helm 3 and by Helm 4 on a real control plane, and every right of the operator, one by one."""

import itertools
import json
from collections.abc import Iterator

import pytest
import yaml

from quartermaster.api.v1alpha1.enums import EngineName
from tests.chart import helm
from tests.lab import fleet
from tests.lab.cluster import Cluster, Options
from tests.manifests import world

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
ACCOUNT = f"system:serviceaccount:{helm.NAMESPACE}:{helm.RELEASE}"
FAKE_NODES = [{"key": fleet.KWOK, "operator": "Exists"}]

READ = ("get", "list", "watch")
WRITE = (*READ, "create", "patch", "update", "delete")
VERBS = (*WRITE, "deletecollection")
EVERYWHERE = {
    ("", "nodes"): READ,
    ("", "pods"): READ,
    ("", "services"): WRITE,
    ("apps", "deployments"): WRITE,
    ("discovery.k8s.io", "endpointslices"): WRITE,
    ("policy", "poddisruptionbudgets"): WRITE,
    ("events.k8s.io", "events"): ("create", "patch"),
    ("quartermaster.dev", "acceleratorpools"): READ,
    ("quartermaster.dev", "acceleratorpools/status"): ("get", "patch", "update"),
    ("quartermaster.dev", "inferencedeployments"): READ,
    ("quartermaster.dev", "inferencedeployments/status"): ("get", "patch", "update"),
    ("quartermaster.dev", "inferencedeployments/finalizers"): ("update",),
    ("quartermaster.dev", "modelprofiles"): (*READ, "create", "patch"),
}
"""Group and resource → verbs, in every namespace."""
EVERYBODY = {
    ("authentication.k8s.io", "selfsubjectreviews"),
    ("authorization.k8s.io", "selfsubjectaccessreviews"),
    ("authorization.k8s.io", "selfsubjectrulesreviews"),
}
"""What Kubernetes lets every user do."""


@pytest.fixture(scope="module", params=[3, 4], ids=["helm3", "helm4"])
def helm_version(request: pytest.FixtureRequest) -> int:
    """Return the version of Helm; each has a cluster of its own."""
    version: int = request.param
    return version


@pytest.fixture(scope="module")
def cluster_options(helm_version: int) -> Options:
    """Return the usual options; that they depend on the version of Helm gives each version a fresh cluster."""
    assert helm_version in helm.PROGRAM_BY_VERSION
    return Options()


@pytest.fixture(scope="module")
def installed(cluster: Cluster, helm_version: int) -> Iterator[Cluster]:
    """Yield a cluster in which Helm has installed the chart in a restricted namespace, and uninstall it afterwards."""
    cluster.create_namespace(helm.NAMESPACE, RESTRICTED)
    cluster.apply(fleet.nodes(accelerator="amd-mi300x", platform="bare", region="europe-west4"))
    values = ("--set-json", f"tolerations={json.dumps(FAKE_NODES)}")
    where = ("--namespace", helm.NAMESPACE, "--wait", "--timeout", "60s")
    cluster.helm(helm_version, "install", helm.RELEASE, helm.CHART, *where, *values)
    yield cluster
    cluster.helm(helm_version, "uninstall", helm.RELEASE, "--namespace", helm.NAMESPACE, "--wait")
    assert cluster.find("deployments", helm.RELEASE, helm.NAMESPACE) is None
    assert cluster.find("customresourcedefinitions", "inferencedeployments.quartermaster.dev") is not None


def may(cluster: Cluster, verb: str, group: str, resource: str, *, namespace: str = "", name: str = "") -> bool:
    """Tell whether the operator's ServiceAccount may, as ``kubectl auth can-i`` asks."""
    base, _, subresource = resource.partition("/")
    attributes = {
        "verb": verb,
        "group": group,
        "resource": base,
        "subresource": subresource,
        "namespace": namespace,
        "name": name,
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": ACCOUNT, "groups": GROUPS, "resourceAttributes": attributes},
    }
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    return bool(cluster.client.request("POST", path, body=review)["status"]["allowed"])


GROUPS = ["system:serviceaccounts", f"system:serviceaccounts:{helm.NAMESPACE}", "system:authenticated"]


def served(cluster: Cluster) -> set[tuple[str, str]]:
    """Return group and name of every resource that the API server serves, subresources included."""
    found = {("", entry["name"]) for entry in cluster.client.request("GET", "/api/v1")["resources"]}
    for group in cluster.client.request("GET", "/apis")["groups"]:
        for version in group["versions"]:
            entries = cluster.client.request("GET", f"/apis/{version['groupVersion']}")["resources"]
            found |= {(group["name"], entry["name"]) for entry in entries}
    return found | {("quartermaster.dev", "inferencedeployments/finalizers")}


def test_the_operator_is_installed_and_ready(installed: Cluster) -> None:
    """Two replicas, in a namespace that restricts pods."""
    status = installed.get("deployments", helm.RELEASE, helm.NAMESPACE)["status"]
    assert status["readyReplicas"] == 2
    assert status["updatedReplicas"] == 2


def test_the_definitions_are_installed(installed: Cluster) -> None:
    """Every kind of ours is served as soon as Helm is done."""
    for path in (helm.CHART / "crds").iterdir():
        name = yaml.safe_load(path.read_text(encoding="utf-8"))["metadata"]["name"]
        conditions = installed.get("customresourcedefinitions", name)["status"]["conditions"]
        assert {"Established", "NamesAccepted"} <= {c["type"] for c in conditions if c["status"] == "True"}


def test_the_operator_may_do_what_it_must_and_nothing_else(installed: Cluster) -> None:
    """Every verb on every resource that the API server serves is asked for, in a namespace that is not its own."""
    questions = itertools.product(sorted(served(installed) - EVERYBODY), VERBS)
    allowed = {
        (group, resource, verb)
        for (group, resource), verb in questions
        if may(installed, verb, group, resource, namespace="default")
    }
    assert allowed == {(*resource, verb) for resource, verbs in EVERYWHERE.items() for verb in verbs}


def test_the_lease_is_in_the_release_namespace_alone(installed: Cluster) -> None:
    """Leader election needs one Lease, by name, and the right to create it."""
    lease = ("coordination.k8s.io", "leases")
    for verb in ("get", "patch", "update"):
        assert may(installed, verb, *lease, namespace=helm.NAMESPACE, name=helm.RELEASE)
        assert not may(installed, verb, *lease, namespace=helm.NAMESPACE, name="another")
        assert not may(installed, verb, *lease, namespace="kube-system", name=helm.RELEASE)
    assert may(installed, "create", *lease, namespace=helm.NAMESPACE)
    assert not may(installed, "create", *lease, namespace="kube-system")


@pytest.mark.parametrize(
    ("answer", "question"),
    [
        ("yes", ("watch", "nodes")),
        ("yes", ("list", "pods", "--all-namespaces")),
        ("yes", ("patch", "deployments.apps", "--namespace=default")),
        ("yes", ("patch", "inferencedeployments.quartermaster.dev", "--subresource=status", "--namespace=default")),
        ("no", ("get", "secrets", "--all-namespaces")),
        ("no", ("patch", "nodes")),
        ("no", ("create", "pods/exec", "--namespace=default")),
        ("no", ("update", "inferencedeployments.quartermaster.dev", "--namespace=default")),
        ("no", ("create", "clusterrolebindings.rbac.authorization.k8s.io")),
        ("no", ("impersonate", "users")),
    ],
)
def test_kubectl_says_the_same(installed: Cluster, answer: str, question: tuple[str, ...]) -> None:
    """What an administrator would type to check."""
    result = installed.kubectl("auth", "can-i", *question, f"--as={ACCOUNT}", check=False)
    assert result.stdout.strip() == answer, result.stderr


def test_the_operator_can_write_the_children_of_a_deployment(installed: Cluster) -> None:
    """Under its own token: all objects of a deployment are applied, owned, repaired and deleted."""
    kubeconfig = installed.service_account_kubeconfig(helm.NAMESPACE, helm.RELEASE)
    owner = {
        "apiVersion": "quartermaster.dev/v1alpha1",
        "kind": "InferenceDeployment",
        "metadata": {"name": "chat", "namespace": "default"},
        "spec": {"model": {"name": "llama-3.3-70b-instruct"}},
    }
    (stored,) = installed.apply([owner])
    wanted = world.deployment(namespace="default")
    wanted = wanted.model_copy(
        update={"metadata": wanted.metadata.model_copy(update={"uid": stored["metadata"]["uid"]})}
    )
    pool, hosted = world.pool("amd-mi300x"), world.external_pool("http://10.20.30.40:8080/v1")
    shape = world.shape(EngineName.VLLM, 1)
    placed = [(where, world.placement(wanted, where, shape)) for where in (pool, hosted)]
    documents = yaml.safe_dump_all(world.render(wanted, *placed))
    apply = ("apply", "--server-side", "--field-manager=quartermaster", "--filename=-", f"--kubeconfig={kubeconfig}")
    first = installed.kubectl(*apply, input=documents).stdout
    again = installed.kubectl(*apply, input=documents).stdout
    assert first == again
    assert len(first.splitlines()) == len(list(yaml.safe_load_all(documents)))
    deleting = ("delete", "--filename=-", "--wait=false", f"--kubeconfig={kubeconfig}")
    installed.kubectl(*deleting, input=documents)
    refused = installed.kubectl("get", "secrets", f"--kubeconfig={kubeconfig}", check=False)
    assert "forbidden" in refused.stderr
    installed.delete("inferencedeployments", "chat", "default")


def test_whoever_edits_a_namespace_edits_its_deployments(installed: Cluster) -> None:
    """The roles view, edit and admin of Kubernetes gain the kinds of Quartermaster."""

    def rules(role: str) -> set[tuple[str, str]]:
        found = installed.get("clusterroles", role).get("rules") or []
        return {(r, v) for rule in found for r in rule.get("resources", ()) for v in rule["verbs"]}

    installed.wait("the role edit has gained our kinds", lambda: ("inferencedeployments", "create") in rules("edit"))
    installed.wait("the role view has gained our kinds", lambda: ("inferencedeployments", "get") in rules("view"))
    assert ("inferencedeployments", "create") not in rules("view")
    assert ("inferencedeployments/scale", "patch") in rules("admin")


def test_an_upgrade_changes_what_is_asked_and_nothing_else(installed: Cluster, helm_version: int) -> None:
    """A second release of the same values restarts nothing; another log level rolls the pods."""

    def generation() -> int:
        value: int = installed.get("deployments", helm.RELEASE, helm.NAMESPACE)["metadata"]["generation"]
        return value

    before = generation()
    upgrade = ("upgrade", helm.RELEASE, helm.CHART, "--namespace", helm.NAMESPACE, "--reuse-values")
    installed.helm(helm_version, *upgrade)
    assert generation() == before
    installed.helm(helm_version, *upgrade, "--set", "settings.logLevel=DEBUG", "--wait", "--timeout", "60s")
    assert generation() == before + 1
