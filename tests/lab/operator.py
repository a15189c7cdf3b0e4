"""The operator as a process of this machine, with the rights that the chart gives its ServiceAccount and no others.

Installing the chart without replicas (the pods of fake nodes run nothing), starting, killing and asking the process
live here. What it decides is its own affair.
"""

import http.client
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tests.lab import toolchain
from tests.lab.cluster import Cluster
from tests.lab.components import CONTROLLER_MANAGER, free_port
from tests.lab.processes import OWNER_VARIABLE, Component, ProcessError, guarded
from tests.lab.waiting import NotInTimeError, wait

CHART = Path(__file__).parents[2] / "helm" / "quartermaster"
NAMESPACE = "quartermaster-system"
RELEASE = "quartermaster"
"""Name of the release, and so of the chart's ServiceAccount and Lease."""
USER = f"system:serviceaccount:{NAMESPACE}:{RELEASE}"
"""Who the operator is in the audit log."""
PROBE_PORT = 8080
READY_TIMEOUT_SECONDS = 90.0
_PREFIX = "QUARTERMASTER_"


def install(cluster: Cluster, *, helm_version: int = 4, values: Mapping[str, str] | None = None) -> None:
    """Install the chart with Helm, without replicas; ``values`` are further ones, by their path."""
    settings = {"replicas": "0", **(values or {})}
    said = [part for path, value in settings.items() for part in ("--set", f"{path}={value}")]
    cluster.helm(helm_version, "install", RELEASE, CHART, "--namespace", NAMESPACE, "--create-namespace", *said)


def let_garbage_be_collected(cluster: Cluster) -> None:
    """Start the controller manager anew, so that its garbage collector knows the chart's kinds from now on.

    It looks for new kinds every half minute; before that, the children of an InferenceDeployment stay when that is
    deleted. Nothing of ours depends on when they go.
    """
    cluster.component(CONTROLLER_MANAGER).restart()


class Operator(Component):
    """One process of the operator: start, ``wait_ready``, stop, kill, freeze, thaw, restart. Made by ``operator``."""

    def __init__(self, cluster: Cluster, *, name: str, settings: Mapping[str, str]) -> None:
        """Describe it; ``settings`` are its environment variables without their prefix, such as ``SCALE_SECONDS``."""
        self.address = cluster.site.address
        self.port = free_port(self.address, PROBE_PORT)
        self.kubeconfig = cluster.service_account_kubeconfig(NAMESPACE, RELEASE)
        told = {
            "KUBECONFIG": str(self.kubeconfig),
            "LEASE_NAMESPACE": NAMESPACE,
            "LEASE_NAME": RELEASE,
            "IDENTITY": name,
            "PROBE_ADDRESS": f"{self.address}:{self.port}",
            **settings,
        }
        environment = {_PREFIX + variable: value for variable, value in told.items()}
        # The operator refuses variables with its prefix that it does not know, such as those of the laboratory.
        foreign = {OWNER_VARIABLE, *(name for name in os.environ if name.startswith(_PREFIX))} - environment.keys()
        unset = [part for variable in sorted(foreign) for part in ("-u", variable)]
        command = ["env", *unset, sys.executable, "-m", "quartermaster"]
        super().__init__(
            name,
            guarded(cluster.site.program_by_name[toolchain.CONTROL_PLANE], command),
            log_path=cluster.site.log_path(name),
            wait_ready=_until_ready,
            environment=environment,
        )

    def get(self, path: str) -> tuple[int, str]:
        """Ask its port for a path such as ``/readyz``; returns the code, 0 for no answer, and the text."""
        connection = http.client.HTTPConnection(self.address, self.port, timeout=2)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except OSError as error:
            return 0, str(error)
        finally:
            connection.close()

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that carry these labels; 0 where there is none."""
        wanted = {f'{label}="{value}"' for label, value in labels.items()}
        total = 0.0
        for line in self.get("/metrics")[1].splitlines():
            series, _, value = line.rpartition(" ")
            found, _, told = series.partition("{")
            if found == name and all(each in told for each in wanted):
                total += float(value)
        return total

    def log(self) -> list[dict[str, Any]]:
        """Return what it has logged, a document per line; a line that is none is found under ``text``."""
        if not self.log_path.exists():
            return []
        return [_parsed(line) for line in self.log_path.read_text(errors="replace").splitlines()]


@contextmanager
def operator(
    cluster: Cluster, *, name: str = "operator", settings: Mapping[str, str] | None = None
) -> Iterator[Operator]:
    """Run an operator while the block does; it is ready when the block begins. The chart must be installed.

    Raises:
        ProcessError: it ends, or is not ready in time; the message holds the end of its log.
    """
    process = Operator(cluster, name=name, settings=settings or {})
    try:
        process.start()
        process.wait_ready()
        yield process
    finally:
        process.stop()
        process.kill()


def _until_ready(component: Component) -> None:
    if not isinstance(component, Operator):
        raise TypeError(f"wanted an operator, found {component.name}")

    def is_ready() -> bool:
        if not component.is_running:
            raise ProcessError(f"wanted {component.name} to serve, found that it ended: {component.explain()}")
        return component.get("/readyz")[0] == HTTPStatus.OK

    try:
        wait(f"{component.name} is ready", is_ready, timeout_seconds=READY_TIMEOUT_SECONDS)
    except NotInTimeError as late:
        raise ProcessError(f"{late}: {component.explain()}") from late


def _parsed(line: str) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except ValueError:
        return {"text": line}
    return document if isinstance(document, dict) else {"text": line}
