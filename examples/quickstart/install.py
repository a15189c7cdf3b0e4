"""From an empty control plane to a fleet with Quartermaster at work on it. The steps of a real installation."""

import contextlib
import io

from examples.quickstart.offline import DEPLOYMENTS, POOLS
from examples.quickstart.wanted import wait_for
from quartermaster.cli.main import main as kubectl_quartermaster
from tests.lab import objects, operator
from tests.lab.cluster import Cluster
from tests.lab.fleet import example_fleet

HELM_MAJOR_VERSION = 4
NAMESPACE = operator.NAMESPACE
RELEASE = operator.RELEASE
SCALE_SECONDS = 1
READY_SECONDS = 30.0


def add_nodes(cluster: Cluster) -> int:
    """Apply the nodes of the example fleet, which KWOK plays from then on; returns how many."""
    return len(cluster.apply(example_fleet()))


def install_chart(cluster: Cluster) -> None:
    """Install the chart with Helm. Pods of fake nodes run nothing, so it asks for no replica of the operator."""
    operator.install(cluster, helm_version=HELM_MAJOR_VERSION, values={"settings.scaleSeconds": str(SCALE_SECONDS)})


def add_pools(cluster: Cluster) -> int:
    """Apply the AcceleratorPools; returns how many."""
    return len(cluster.apply(POOLS))


async def start_operator(cluster: Cluster) -> None:
    """Start the operator as a process of this machine, with the token of the chart's ServiceAccount and its settings.

    Raises:
        NotAsWantedError: it is not ready in time.
    """
    process = operator.Operator(cluster, name="operator", settings={"SCALE_SECONDS": str(SCALE_SECONDS)})
    cluster.adopt(process)

    def answer() -> str:
        if not process.is_running:
            return process.explain()
        code, text = process.get("/readyz")
        return f"{code or 'no answer'} {text.strip()}"

    await wait_for("the operator ready", answer, lambda text: text.startswith("200"), timeout_seconds=READY_SECONDS)


def ask_for_models(cluster: Cluster) -> list[str]:
    """Apply the three InferenceDeployments, and what was measured of them; returns their names."""
    found = [item for path in DEPLOYMENTS for item in cluster.apply(path)]
    return [item["metadata"]["name"] for item in found if item["kind"] == "InferenceDeployment"]


def are_ready(cluster: Cluster) -> dict[str, str]:
    """Return the Ready condition of every InferenceDeployment in words, by name."""
    told = {}
    for item in cluster.get("inferencedeployments"):
        conditions = item.get("status", {}).get("conditions") or []
        ready = next((c for c in conditions if c["type"] == "Ready"), None)
        is_ready = objects.has_condition(item, "Ready")
        told[item["metadata"]["name"]] = "ready" if is_ready else (ready or {}).get("message", "not judged yet")
    return told


def status(cluster: Cluster) -> str:
    """Return what ``kubectl quartermaster status`` prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        kubectl_quartermaster(["status", "--kubeconfig", str(cluster.kubeconfig())])
    return out.getvalue()
