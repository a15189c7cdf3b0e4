"""What the chart renders, by Helm 3 and by Helm 4, for its own values and for those that people set."""

import tomllib
from pathlib import Path

import pytest
import yaml

from quartermaster.controller.settings import from_environment
from tests.chart import helm

ROOT = Path(__file__).parents[2]
RELEASED = ("Deployment", helm.RELEASE)

pytestmark = [pytest.mark.lab, pytest.mark.parametrize("version", [3, 4])]

EVERYTHING: helm.JsonObject = {
    "replicas": 3,
    "image": {"digest": "sha256:" + "0" * 64},
    "imagePullSecrets": ["registry", "mirror"],
    "settings": {"logLevel": "DEBUG", "planSeconds": 1800, "solveSeconds": 7, "scaleSeconds": 0.5, "profiles": "Off"},
    "metrics": {"serviceMonitor": {"enabled": True, "interval": "15s", "labels": {"release": "prometheus"}}},
    "podAnnotations": {"example.com/contact": "platform"},
    "podLabels": {"example.com/team": "platform"},
    "priorityClassName": "system-cluster-critical",
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "example.com/system", "operator": "Exists"}],
    "affinity": {"podAntiAffinity": {}},
}


def rendered(version: int, home: Path, values: helm.JsonObject | None = None) -> dict[tuple[str, str], helm.JsonObject]:
    """Return the objects, or fail with what Helm said."""
    result = helm.template(version, home=home, values=values)
    assert result.returncode == 0, result.stderr
    return helm.objects(result.stdout)


def test_the_chart_passes_lint(version: int, tmp_path: Path) -> None:
    """Helm's own checks find nothing."""
    result = helm.run(version, "lint", "--strict", helm.CHART, home=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_chart_is_of_the_packages_version(version: int, tmp_path: Path) -> None:
    """The image that is installed by default is that of this source."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    chart = yaml.safe_load((helm.CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["version"] == chart["appVersion"] == project["version"]
    container = rendered(version, tmp_path)[RELEASED]["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == f"quartermaster/operator:{project['version']}"


def test_its_own_values_render_the_whole_operator(version: int, tmp_path: Path) -> None:
    """Everything that is needed, and nothing that needs another project's definitions."""
    kinds = sorted(kind for kind, _ in rendered(version, tmp_path))
    assert kinds == [
        "ClusterRole",
        "ClusterRole",
        "ClusterRole",
        "ClusterRoleBinding",
        "Deployment",
        "PodDisruptionBudget",
        "Role",
        "RoleBinding",
        "Service",
        "ServiceAccount",
    ]


def test_every_variable_is_one_that_the_operator_knows(version: int, tmp_path: Path) -> None:
    """The operator refuses variables that it does not know, and values that cannot work."""
    for values in (None, EVERYTHING):
        container = rendered(version, tmp_path, values)[RELEASED]["spec"]["template"]["spec"]["containers"][0]
        settings = from_environment({v["name"]: v.get("value", "pod-name") for v in container["env"]})
        assert settings.lease_namespace == helm.NAMESPACE
        assert settings.lease_name == helm.RELEASE
        assert settings.identity == "pod-name"
        port = settings.probe_address.rpartition(":")[2]
        assert container["ports"] == [{"name": "http", "containerPort": int(port), "protocol": "TCP"}]
    seconds = (settings.plan_seconds, settings.solve_seconds, settings.scale_seconds)
    assert (seconds, settings.log_level) == ((1800, 7, 0.5), "DEBUG")
    assert settings.profiles == "Off"


def test_every_value_reaches_its_place(version: int, tmp_path: Path) -> None:
    """Values that people set are where they belong."""
    found = rendered(version, tmp_path, EVERYTHING)
    deployment = found[RELEASED]
    pod = deployment["spec"]["template"]
    assert deployment["spec"]["replicas"] == 3
    assert pod["spec"]["containers"][0]["image"] == f"quartermaster/operator@{EVERYTHING['image']['digest']}"
    assert pod["spec"]["imagePullSecrets"] == [{"name": "registry"}, {"name": "mirror"}]
    assert pod["metadata"]["annotations"] == EVERYTHING["podAnnotations"]
    assert EVERYTHING["podLabels"].items() <= pod["metadata"]["labels"].items()
    for field in ("priorityClassName", "nodeSelector", "tolerations", "affinity"):
        assert pod["spec"][field] == EVERYTHING[field]
    assert "topologySpreadConstraints" not in pod["spec"]
    monitor = found["ServiceMonitor", helm.RELEASE]
    assert monitor["spec"]["endpoints"] == [{"port": "http", "path": "/metrics", "interval": "15s"}]
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    service = found["Service", helm.RELEASE]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()


def test_a_single_replica_has_no_budget(version: int, tmp_path: Path) -> None:
    """A budget over one pod would only hold up drains."""
    assert ("PodDisruptionBudget", helm.RELEASE) not in rendered(version, tmp_path, {"replicas": 1})


def test_the_rights_hold_no_wildcard_and_no_secret(version: int, tmp_path: Path) -> None:
    """What the operator may do is written out."""
    for (kind, name), role in rendered(version, tmp_path).items():
        if kind in {"ClusterRole", "Role"}:
            words = {word for rule in role["rules"] for words in rule.values() for word in words}
            assert not any("*" in word or word in {"secrets", "escalate", "impersonate", "bind"} for word in words), (
                name
            )


def test_the_right_to_write_profiles_comes_with_the_wish_for_them(version: int, tmp_path: Path) -> None:
    """Who turns proposals off gives no right to write them."""
    for profiles, verbs in (
        ("Propose", {"get", "list", "watch", "create", "patch"}),
        ("Off", {"get", "list", "watch"}),
    ):
        role = rendered(version, tmp_path, {"settings": {"profiles": profiles}})["ClusterRole", helm.RELEASE]
        rules = [rule for rule in role["rules"] if "modelprofiles" in rule["resources"]]
        assert {verb for rule in rules for verb in rule["verbs"]} == verbs


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"replica": 1}, "replica"),
        ({"settings": {"logLevel": "LOUD"}}, "logLevel"),
        ({"settings": {"planSeconds": 0}}, "planSeconds"),
        ({"settings": {"profiles": "On"}}, "profiles"),
        ({"image": {"repository": ""}}, "repository"),
        ({"image": {"digest": "latest"}}, "digest"),
        ({"serviceAccount": {"create": False}}, "name a ServiceAccount"),
        (
            {"metrics": {"service": {"enabled": False}, "serviceMonitor": {"enabled": True}}},
            "set metrics.service.enabled to true",
        ),
    ],
)
def test_values_that_cannot_work_are_refused(version: int, values: helm.JsonObject, said: str, tmp_path: Path) -> None:
    """A mistake is told before anything is installed, by the name of the value."""
    result = helm.template(version, home=tmp_path, values=values)
    assert result.returncode != 0
    assert said in result.stderr
