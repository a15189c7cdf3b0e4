"""The built programs: Helm 3 and 4 work against the cluster, and each knows its own version."""

from pathlib import Path

import pytest

from tests.lab import identities
from tests.lab.cluster import Cluster, CommandError

CHART = {
    "Chart.yaml": "apiVersion: v2\nname: note\nversion: 0.1.0\nkubeVersion: '>=1.36.0-0'\n",
    "templates/note.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\n"
        "data: {kubernetes: {{ .Capabilities.KubeVersion.Version }}}\n"
    ),
}


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """Return the folder of a chart that insists on a recent Kubernetes."""
    for name, text in CHART.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(("version", "release"), [(3, "v3.21.4"), (4, "v4.2.4")])
def test_helm_installs_and_removes_a_chart(
    cluster: Cluster, namespace: str, chart: Path, *, version: int, release: str
) -> None:
    """Each Helm says its release, renders for this Kubernetes also offline, installs, and leaves nothing."""
    assert cluster.helm(version, "version", "--template={{ .Version }}").stdout == release
    assert "kubernetes: v1.36" in cluster.helm(version, "template", "note", chart).stdout
    cluster.helm(version, "install", "note", chart, "--namespace", namespace)
    assert cluster.get("configmap", "note", namespace)["data"] == {"kubernetes": "v1.36.4"}
    cluster.helm(version, "uninstall", "note", "--namespace", namespace)
    assert cluster.find("configmap", "note", namespace) is None


def test_a_failed_command_says_why(cluster: Cluster, chart: Path) -> None:
    """The error carries what the program said."""
    with pytest.raises(CommandError, match='namespaces "absent" not found'):
        cluster.helm(4, "install", "note", chart, "--namespace", "absent")


def test_an_unknown_identity_is_named_with_those_that_exist(cluster: Cluster) -> None:
    """The remedy is in the message."""
    assert identities.person("someone").groups == ()
    with pytest.raises(LookupError, match="wanted identity someone, found admin, kube-"):
        cluster.kubectl("get", "pods", identity="someone")
