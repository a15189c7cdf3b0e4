"""The verbs against a real API server: with and without Quartermaster, and the same answers from a snapshot."""

import asyncio
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from quartermaster.api import names
from quartermaster.catalog.load import load_catalog
from quartermaster.cli import live, world
from quartermaster.cli.table import WIDTH
from quartermaster.cluster.client import Client
from quartermaster.cluster.credentials import Source
from quartermaster.reconcile.decide import decide
from quartermaster.reconcile.outcome import Memory
from tests.cli.run import Ran, run
from tests.lab.cluster import Cluster
from tests.lab.fleet import example_fleet
from tests.lab.objects import has_condition

pytestmark = pytest.mark.lab

ROOT = Path(__file__).resolve().parents[2]
DEPLOYMENTS = ROOT / "examples" / "deployments"
POOLS = ROOT / "examples" / "quickstart" / "pools.yaml"
SECRET = "do-not-tell"  # noqa: S105 - a word to look for, not a password
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ (kubectl quartermaster [^#\n]*?) *#", README, re.MULTILINE)

Object = dict[str, Any]


class Asker:
    """Runs verbs on one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        """Ask as the administrator."""
        self.cluster = cluster

    def __call__(self, *words: str | Path) -> Ran:
        """Run the verb."""
        return run(*words, "--kubeconfig", self.cluster.kubeconfig())


@pytest.fixture(scope="module")
def bare(cluster: Cluster) -> Asker:
    """Return a cluster with the example fleet and without Quartermaster."""
    cluster.apply(example_fleet())
    return Asker(cluster)


@pytest.fixture(scope="module")
def told(bare: Asker) -> dict[str, Ran]:
    """Return what the verbs said before anything was installed."""
    return {
        "status": bare("status"),
        "crds": bare("crds", "--check"),
        "plan": bare("plan", "-f", DEPLOYMENTS / "minimal.yaml", "-o", "json"),
        "snapshot": bare("snapshot", "-o", "json"),
        "nothing": bare("plan"),
    }


def has_settled(cluster: Cluster) -> bool:
    """Whether every replica was made, and serves or is known to have no place."""
    ours = f"{names.MANAGED_BY_LABEL}={names.MANAGED_BY}"
    wanted = sum(child["spec"]["replicas"] for child in cluster.get("deployments", None, "default", ours))
    pods = cluster.get("pods", None, "default", ours)
    return len(pods) == wanted and all(
        has_condition(pod, "Ready") or has_condition(pod, "PodScheduled", "False") for pod in pods
    )


async def observed(kubeconfig: Path) -> list[Object]:
    """Return the objects that a plan is made from."""
    async with Client(Source(kubeconfig=str(kubeconfig))) as client:
        return await live.fleet_objects(client)


@pytest.fixture(scope="module")
def placed(bare: Asker, told: dict[str, Ran]) -> Asker:
    """Return the cluster after one turn of the loop: CRDs, deployments, their children, and statuses."""
    assert told
    cluster = bare.cluster
    cluster.apply(list(yaml.safe_load_all(run("crds").out)))
    cluster.apply(POOLS)
    chat = yaml.safe_load((DEPLOYMENTS / "minimal.yaml").read_text(encoding="utf-8"))
    chat["metadata"]["name"] = "chat"
    chat["metadata"]["annotations"] = {"example.com/note": SECRET}
    cluster.apply([chat])
    for name in ("split", "eu-only"):
        cluster.apply(DEPLOYMENTS / f"{name}.yaml")
    stranger = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "notebook", "namespace": "default"},
        "spec": {
            "nodeName": "eks-nvidia-h100-sxm-us-east-1-ondemand-000",
            "tolerations": [{"operator": "Exists"}],
            "containers": [
                {
                    "name": "notebook",
                    "image": "notebook",
                    "env": [{"name": "TOKEN", "value": SECRET}],
                    "resources": {"limits": {"nvidia.com/gpu": "6"}},
                }
            ],
        },
    }
    idle = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "idle", "namespace": "default"},
        "spec": {"containers": [{"name": "idle", "image": "idle"}]},
    }
    cluster.apply([stranger, idle])
    decided = decide(
        world.observed(asyncio.run(observed(cluster.kubeconfig()))), Memory(), catalog=load_catalog(), plan_seconds=60.0
    )
    cluster.apply([dict(entry.manifest) for entry in decided.apply])
    for write in decided.statuses:
        if write.reference.kind == "InferenceDeployment":
            cluster.patch("infd", write.reference.name, {"status": dict(write.status)}, subresource="status")
    cluster.wait("every replica serves, or has no place", lambda: has_settled(cluster))
    return bare


def test_before_it_is_installed_only_a_plan_is_possible(told: dict[str, Ran]) -> None:
    """On the nodes that are there; the other verbs say what to install."""
    assert (told["plan"].exit_status, told["plan"].err) == (0, "")
    assert [p["name"] for p in told["plan"].document["placements"]] == ["minimal"]
    assert told["status"].exit_status == 2
    assert "without its CRDs: install the chart, or run `kubectl quartermaster crds |" in told["status"].err
    assert told["crds"].exit_status == 1
    assert told["crds"].out.count("wanted this kind, found none") == 3
    assert {item["kind"] for item in told["snapshot"].document["items"]} == {"Node"}
    assert told["nothing"].exit_status == 2
    assert "found none in the cluster" in told["nothing"].err


def test_the_printed_definitions_are_those_that_the_check_wants(placed: Asker) -> None:
    """And one that is not as in this version is told by its place."""
    assert (placed("crds", "--check").exit_status, placed("crds", "--check").out) == (0, "")
    crd = next(iter(yaml.safe_load_all(run("crds").out)))
    crd["spec"]["versions"][0]["additionalPrinterColumns"][0]["name"] = "Other"
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["spec"]["properties"]["extra"] = {"type": "string"}
    placed.cluster.apply([crd])
    try:
        ran = placed("crds", "--check")
    finally:
        placed.cluster.apply(list(yaml.safe_load_all(run("crds").out)))
    assert ran.exit_status == 1
    assert ran.out.count("inferencedeployments.quartermaster.dev: wanted spec.versions[0]") == 2
    assert "additionalPrinterColumns[0].name as in this version" in ran.out


def test_a_snapshot_gives_the_same_plan_as_the_cluster(placed: Asker, tmp_path: Path) -> None:
    """As YAML and as JSON, and with the candidates."""
    ours = placed("plan", "-o", "json", "--show-candidates")
    assert ours.exit_status == 1
    assert {p["name"] for p in ours.document["placements"]} == {"chat", "split"}
    for name in ("fleet.yaml", "fleet.json"):
        wrote = placed("snapshot", "--to", tmp_path / name)
        assert (wrote.exit_status, wrote.out) == (0, "")
        assert re.match(
            r"wrote 6 AcceleratorPools, \d+ Deployments, 3 InferenceDeployments, 41 Nodes, \d+ Pods? to ", wrote.err
        )
        again = run("plan", "--fleet", tmp_path / name, "-o", "json", "--show-candidates")
        assert again.document | {"solveSeconds": 0} == ours.document | {"solveSeconds": 0}


def test_a_snapshot_holds_only_what_a_plan_reads(placed: Asker) -> None:
    """No environment, no annotations, no pods that hold no devices; a stranger's chips are counted."""
    ran = placed("snapshot")
    assert SECRET not in ran.out
    items = yaml.safe_load(ran.out)["items"]
    pods = [item["metadata"]["name"] for item in items if item["kind"] == "Pod"]
    assert "notebook" in pods
    assert "idle" not in pods


def test_a_snapshot_that_cannot_be_written_is_bad_input(placed: Asker, tmp_path: Path) -> None:
    """The file's name is told."""
    ran = placed("snapshot", "--to", tmp_path / "absent" / "fleet.yaml")
    assert ran.exit_status == 2
    assert (
        ran.err
        == f"{tmp_path}/absent/fleet.yaml: wanted a file to write, found: No such file or directory: name another\n"
    )


def test_status_tells_where_everything_runs_and_why(placed: Asker) -> None:
    """All in a table; one in full by its name alone, with its namespace, or as the table names it."""
    everything = placed("status")
    assert everything.exit_status == 1
    assert max(map(len, everything.out.splitlines())) <= WIDTH
    assert "default/eu-only: not ready, not placed" in everything.out
    assert "default/chat: " in everything.out
    document = placed("status", "-o", "json").document
    assert [item["name"] for item in document["items"]] == ["chat", "eu-only", "split"]
    assert all(item["status"]["conditions"] for item in document["items"])
    full = [placed("status", *words).out for words in (("chat",), ("chat", "-n", "default"), ("default/chat",))]
    assert len(set(full)) == 1
    assert "cost" in full[0]
    assert "Refused:" in full[0]


def test_status_of_one_that_is_not_there_is_bad_input(placed: Asker) -> None:
    """And so is a name that stands in several namespaces."""
    for words in (("absent",), ("chat", "-n", "kube-system"), ("default/chat", "-n", "other")):
        ran = placed("status", *words)
        assert (ran.exit_status, ran.out) == (2, ""), words
    copy = yaml.safe_load((DEPLOYMENTS / "minimal.yaml").read_text(encoding="utf-8"))
    copy["metadata"] = {"name": "chat", "namespace": "kube-system"}
    placed.cluster.apply([copy])
    try:
        ran = placed("status", "chat")
    finally:
        placed.cluster.delete("infd", "chat", "kube-system")
    assert ran.exit_status == 2
    assert ran.err == "wanted one InferenceDeployment chat, found it in default, kube-system: say which with -n\n"


def test_the_commands_of_the_readme_work_as_written(
    placed: Asker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through kubectl itself, which finds the program on the path, one after another in one folder."""
    assert len(COMMANDS) >= 5
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "model.yaml").write_text((DEPLOYMENTS / "minimal.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    ordered = sorted(COMMANDS, key=lambda command: "snapshot" not in command)
    for command in ordered:
        done = placed.cluster.kubectl(*shlex.split(command)[1:], check=False)
        assert done.returncode in {0, 1}, (command, done.stderr)
        assert done.stdout or "--to" in command or "--check" in command, command
    assert (tmp_path / "fleet.yaml").exists()
