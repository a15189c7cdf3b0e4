"""From an empty control plane to a fleet with Quartermaster at work on it. The steps of a real installation."""

import contextlib
import http.client
import io
import os
import sys
from pathlib import Path

from examples.quickstart.offline import DEPLOYMENTS, POOLS
from examples.quickstart.wanted import wait_for
from quartermaster.cli.main import main as kubectl_quartermaster
from tests.lab import objects
from tests.lab.cluster import Cluster
from tests.lab.components import free_port
from tests.lab.fleet import example_fleet
from tests.lab.processes import Process

CHART = Path(__file__).parents[2] / "helm" / "quartermaster"
HELM_MAJOR_VERSION = 4
NAMESPACE = "quartermaster-system"
RELEASE = "quartermaster"
"""Name of the release, and so of the chart's ServiceAccount and Lease."""
PROBE_PORT = 8080
SCALE_SECONDS = 1
READY_SECONDS = 30.0
_PREFIX = "QUARTERMASTER_"


def add_nodes(cluster: Cluster) -> int:
    """Apply the nodes of the example fleet, which KWOK plays from then on; returns how many."""
    return len(cluster.apply(example_fleet()))


def install_chart(cluster: Cluster) -> None:
    """Install the chart with Helm. Pods of fake nodes run nothing, so it asks for no replica of the operator."""
    where = ("--namespace", NAMESPACE, "--create-namespace")
    values = ("--set", "replicas=0", "--set", f"settings.scaleSeconds={SCALE_SECONDS}")
    cluster.helm(HELM_MAJOR_VERSION, "install", RELEASE, CHART, *where, *values)


def add_pools(cluster: Cluster) -> int:
    """Apply the AcceleratorPools; returns how many."""
    return len(cluster.apply(POOLS))


async def start_operator(cluster: Cluster) -> Process:
    """Start the operator as a process of this machine, with the token of the chart's ServiceAccount and its settings.

    Raises:
        NotAsWantedError: it is not ready in time.
    """
    kubeconfig = cluster.service_account_kubeconfig(NAMESPACE, RELEASE)
    address, port = cluster.site.address, free_port(cluster.site.address, PROBE_PORT)
    settings = {
        "KUBECONFIG": str(kubeconfig),
        "LEASE_NAMESPACE": NAMESPACE,
        "LEASE_NAME": RELEASE,
        "PROBE_ADDRESS": f"{address}:{port}",
        "SCALE_SECONDS": str(SCALE_SECONDS),
    }
    environment = {_PREFIX + name: value for name, value in settings.items()}
    # The operator refuses variables with its prefix that it does not know, such as those of the laboratory.
    foreign = [name for name in os.environ if name.startswith(_PREFIX) and name not in environment]
    unset = [part for name in foreign for part in ("-u", name)]
    operator = cluster.launch("operator", ["env", *unset, sys.executable, "-m", "quartermaster"], environment)

    def answer() -> str:
        if not operator.is_running:
            return operator.explain()
        return _get(address, port, "/readyz") or "no answer"

    await wait_for("the operator ready", answer, lambda text: text.startswith("200"), timeout_seconds=READY_SECONDS)
    return operator


def _get(address: str, port: int, path: str) -> str | None:
    connection = http.client.HTTPConnection(address, port, timeout=2)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return f"{response.status} {response.read().decode().strip()}"
    except OSError:
        return None
    finally:
        connection.close()


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
