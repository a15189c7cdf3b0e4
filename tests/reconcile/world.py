"""A world in memory that obeys outcomes: what is applied is there at the next look; pods become ready on free chips.

It plays API server, controllers and kubelets just far enough for the pure loop; the real ones are in the laboratory.
"""

import copy
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from quartermaster.api import names
from quartermaster.api.v1alpha1 import AcceleratorPool, InferenceDeployment
from quartermaster.catalog.load import load_catalog
from quartermaster.cluster import trim
from quartermaster.manifests import drift
from quartermaster.planner.solver.solve import never
from quartermaster.reconcile.decide import decide
from quartermaster.reconcile.declared import declared
from quartermaster.reconcile.observation import Observed
from quartermaster.reconcile.observed import PodSeen
from quartermaster.reconcile.outcome import Memory, Outcome
from tests.reconcile.seen import node_seen, pod_seen

Object = dict[str, Any]
Identity = tuple[str, str, str]
ZONE = "topology.kubernetes.io/zone"
START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def identity(document: Object) -> Identity:
    """Return kind, namespace and name."""
    return (document["kind"], document["metadata"].get("namespace", ""), document["metadata"]["name"])


@dataclass
class World:
    """Everything that exists, and the memory of the loop."""

    objects: dict[Identity, Object] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    now_seconds: float = 1000.0
    versions: int = 0
    is_late: Callable[[], bool] = never
    """Asked while a plan is sought."""

    def create(self, *documents: Object) -> None:
        """Put objects into the world."""
        for document in documents:
            made = copy.deepcopy(document)
            self.versions += 1
            made["metadata"].setdefault("uid", f"uid-{self.versions}")
            made["metadata"].setdefault("generation", 1)
            self.objects[identity(made)] = made

    def of(self, kind: str) -> list[Object]:
        """Return the objects of a kind."""
        return [document for (found, _, _), document in sorted(self.objects.items()) if found == kind]

    def deployments(self, name: str) -> list[Object]:
        """Return the child Deployments of an InferenceDeployment."""
        return [d for d in self.of("Deployment") if d["metadata"]["labels"][names.DEPLOYMENT_LABEL] == name]

    def status(self, name: str) -> Object:
        """Return the status of an InferenceDeployment."""
        found: Object = self.objects["InferenceDeployment", "default", name]["status"]
        return found

    def condition(self, name: str, kind: str) -> Object:
        """Return one condition of an InferenceDeployment."""
        rows: list[Object] = self.status(name)["conditions"]
        return next(row for row in rows if row["type"] == kind)

    def look(self) -> Observed:
        """Return one look at the world."""
        pods = self._pods()
        children = [
            trim.child(names.LOCAL_CLUSTER, kind)(copy.deepcopy(document))
            for kind in ("Deployment", "Service", "PodDisruptionBudget", "EndpointSlice")
            for document in self.of(kind)
        ]
        return Observed(
            now=START,
            now_seconds=self.now_seconds,
            nodes=tuple(node_seen(node) for node in self.of("Node")),
            pods=tuple(pods),
            children=tuple(children),
            deployments=tuple(
                declared(names.LOCAL_CLUSTER, InferenceDeployment, d) for d in self.of("InferenceDeployment")
            ),
            pools=tuple(declared(names.LOCAL_CLUSTER, AcceleratorPool, d) for d in self.of("AcceleratorPool")),
        )

    def turn(self, seconds: float = 2.0) -> Outcome:
        """Observe, decide, and obey."""
        outcome = decide(self.look(), self.memory, catalog=load_catalog(), plan_seconds=60.0, is_late=self.is_late)
        self.memory = outcome.memory
        for entry in outcome.apply:
            self._apply(dict(entry.manifest))
        for victim in outcome.delete:
            del self.objects[victim.reference.kind, victim.reference.namespace, victim.reference.name]
        for write in outcome.statuses:
            reference = write.reference
            self.objects[reference.kind, reference.namespace, reference.name]["status"] = dict(write.status)
        self._become_ready()
        self.now_seconds += seconds
        return outcome

    def settle(self, turns: int = 10) -> Outcome:
        """Turn until nothing is left to write.

        Raises:
            AssertionError: it never comes to rest.
        """
        for _ in range(turns):
            outcome = self.turn()
            if outcome.is_settled:
                return outcome
        raise AssertionError(f"never at rest: {outcome.apply} {outcome.delete} {outcome.statuses}")

    def _apply(self, manifest: Object) -> None:
        stamped = drift.stamped(manifest)
        before = self.objects.get(identity(stamped))
        if before is not None:
            stamped["metadata"]["uid"] = before["metadata"]["uid"]
            stamped["status"] = before.get("status", {})
        self.create(stamped)

    def _become_ready(self) -> None:
        for document in self.of("Deployment"):
            wanted = document["spec"]["replicas"]
            document["status"] = {"replicas": wanted, "readyReplicas": wanted}

    def _pods(self) -> list[PodSeen]:
        """Return one pod for each ready replica, on nodes that its affinity admits, spread over their zones."""
        free = {
            (node["metadata"]["name"], resource): int(count)
            for node in self.of("Node")
            for resource, count in node["status"]["allocatable"].items()
            if "/" in resource
        }
        pods = []
        for document in self.of("Deployment"):
            template = document["spec"]["template"]["spec"]
            limits = template["containers"][0]["resources"]["limits"]
            resource, chips = next((name, int(count)) for name, count in limits.items() if "/" in name)
            admitted = [node for node in self.of("Node") if _admits(template["affinity"], node["metadata"]["labels"])]
            taken: Counter[str] = Counter()
            for number in range(document.get("status", {}).get("readyReplicas", 0)):
                fitting = [node for node in admitted if free.get((node["metadata"]["name"], resource), 0) >= chips]
                if not fitting:
                    continue
                node = min(fitting, key=lambda n: (taken[n["metadata"]["labels"][ZONE]], n["metadata"]["name"]))
                taken[node["metadata"]["labels"][ZONE]] += 1
                free[node["metadata"]["name"], resource] -= chips
                labels = document["metadata"]["labels"]
                name = f"{document['metadata']['name']}-{number}"
                host = node["metadata"]["name"]
                pods.append(replace(pod_seen(name, node=host, chips={resource: chips}), labels=labels))
        return pods


def _admits(affinity: Object, labels: Object) -> bool:
    required = affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    (term,) = required["nodeSelectorTerms"]
    return all(_holds(expression, labels) for expression in term["matchExpressions"])


def _holds(expression: Object, labels: Object) -> bool:
    if expression["operator"] == "DoesNotExist":
        return expression["key"] not in labels
    return labels.get(expression["key"]) in expression["values"]
