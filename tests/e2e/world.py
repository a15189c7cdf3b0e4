"""One cluster with its operator, as a test looks at it: statuses, children, pods, and what the audit log saw.

Only looking and waiting live here. What is wished for is in ``wishes``, what must be true is in the tests.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from quartermaster.api import names
from tests.lab.audit import AuditEvent
from tests.lab.cluster import Cluster
from tests.lab.objects import has_condition
from tests.lab.operator import USER, Operator

Object = dict[str, Any]
Result = TypeVar("Result")

TIMEOUT_SECONDS = 30.0
CHILD_KINDS = ("deployments", "services", "poddisruptionbudgets", "endpointslices")
LEASES = "leases"
REGION = "topology.kubernetes.io/region"


@dataclass(frozen=True, slots=True)
class World:
    """A cluster and the operator that works on it."""

    cluster: Cluster
    operator: Operator

    def apply(self, *items: Object) -> None:
        """Apply objects as the administrator."""
        self.cluster.apply(list(items))

    def wait(
        self, description: str, predicate: Callable[[], Result], timeout_seconds: float = TIMEOUT_SECONDS
    ) -> Result:
        """Wait as the cluster does; a failure carries the end of the operator's log."""
        try:
            return self.cluster.wait(description, predicate, timeout_seconds)
        except AssertionError as error:
            error.add_note(self.operator.explain())
            raise

    def status(self, namespace: str, name: str) -> Object:
        """Return the status of an InferenceDeployment; empty before the operator has written one."""
        found: Object = self.cluster.get("inferencedeployments", name, namespace).get("status", {})
        return found

    def condition(self, namespace: str, name: str, kind: str) -> Object:
        """Return a condition of an InferenceDeployment; empty when there is none."""
        conditions = self.status(namespace, name).get("conditions", [])
        return next((each for each in conditions if each["type"] == kind), {})

    def wait_ready(self, namespace: str, name: str, timeout_seconds: float = TIMEOUT_SECONDS) -> Object:
        """Wait until the operator calls the present generation Ready and settled, and return the status."""

        def settled() -> Object | None:
            item = self.cluster.get("inferencedeployments", name, namespace)
            status: Object = item.get("status", {})
            is_present = status.get("observedGeneration") == item["metadata"]["generation"]
            is_done = has_condition(item, "Ready") and has_condition(item, "Reconciling", "False")
            return status if is_present and is_done else None

        status = self.wait(f"{namespace}/{name} is ready and settled", settled, timeout_seconds)
        if status is None:
            raise AssertionError(f"{namespace}/{name} has no status")
        return status

    def placements(self, namespace: str, name: str) -> dict[str, Object]:
        """Return the placements that the status tells, by pool."""
        return {each["pool"]: each for each in self.status(namespace, name).get("placements", [])}

    def deployments(self, namespace: str, name: str) -> list[Object]:
        """Return the ``apps/v1`` Deployments of an InferenceDeployment."""
        return self.cluster.get("deployments", None, namespace, f"{names.DEPLOYMENT_LABEL}={name}")

    def pods(self, namespace: str, name: str) -> list[Object]:
        """Return the pods of an InferenceDeployment that are not being deleted."""
        found = self.cluster.get("pods", None, namespace, f"{names.DEPLOYMENT_LABEL}={name}")
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def ready_pods(self, namespace: str, name: str) -> list[Object]:
        """Return those of its pods that serve."""
        return [pod for pod in self.pods(namespace, name) if has_condition(pod, "Ready")]

    def children(self, namespace: str) -> dict[str, list[str]]:
        """Return the names of everything that the operator made in a namespace, by plural."""
        ours = f"{names.MANAGED_BY_LABEL}={names.MANAGED_BY}"
        return {
            kind: sorted(item["metadata"]["name"] for item in self.cluster.get(kind, None, namespace, ours))
            for kind in (*CHILD_KINDS, "pods")
        }

    def pods_by_region(self, namespace: str, name: str) -> Counter[str]:
        """Count the pods of an InferenceDeployment by the region of the node that they are bound to."""
        region_by_node = {
            node["metadata"]["name"]: node["metadata"]["labels"][REGION] for node in self.cluster.get("nodes")
        }
        return Counter(region_by_node.get(pod["spec"].get("nodeName", ""), "") for pod in self.pods(namespace, name))

    def chips(self, namespace: str, name: str) -> Counter[str]:
        """Count the chips that the pods of an InferenceDeployment hold, by extended resource."""
        held: Counter[str] = Counter()
        for pod in self.pods(namespace, name):
            for container in pod["spec"]["containers"]:
                limits: Mapping[str, str] = container["resources"]["limits"]
                held.update({key: int(count) for key, count in limits.items() if "/" in key})
        return held

    def writes(self, *, since: int, user: str = USER) -> list[AuditEvent]:
        """Return what the operator wrote after the mark, but for the renewals of its Lease."""
        return [event for event in self.cluster.audit.writes(since=since, user=user) if event.resource != LEASES]

    def ask(self, *words: str) -> tuple[int, Any]:
        """Run ``kubectl-quartermaster … -o json`` as the administrator; returns its exit status and the document."""
        command = [sys.executable, "-m", "quartermaster.cli.main", *words, "-o", "json"]
        command += ["--kubeconfig", str(self.cluster.kubeconfig())]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - our own CLI
        if done.stderr:
            raise AssertionError(f"{' '.join(words)} complained: {done.stderr}")
        return done.returncode, json.loads(done.stdout)
