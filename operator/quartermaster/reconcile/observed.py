"""What was seen of nodes, pods and our own objects, cut down to what a decision needs.

Here live the frozen types that the informers of `cluster` fill in and that `decide` reads. Each names the cluster it
was seen in. No behaviour beyond reading a field, no parsing (that is `cluster.trim`), nothing of what we want (that
is `manifests`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FINISHED_PHASES = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, slots=True)
class TaintSeen:
    """One taint of a node: `value` is empty where the taint has none."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True, slots=True)
class NodeSeen:
    """One node.

    `allocatable_by_resource` holds extended resources only (`nvidia.com/gpu`, `google.com/tpu`, …) as whole units, as
    the kubelet reports them: a broken device plugin shows as 0. CPU and memory stand beside it.
    """

    cluster: str
    name: str
    uid: str
    labels: Mapping[str, str] = field(hash=False)
    taints: tuple[TaintSeen, ...]
    is_ready: bool
    is_cordoned: bool
    is_deleting: bool
    allocatable_by_resource: Mapping[str, int] = field(hash=False)
    allocatable_cpu_millicores: int
    allocatable_memory_bytes: int
    provider_id: str | None


@dataclass(frozen=True, slots=True)
class PodSeen:
    """One pod, ours or anyone's.

    `labels` holds only `quartermaster.dev/*` and `app.kubernetes.io/*`. `requests_by_resource` holds extended
    resources only, in whole units, as the scheduler counts them; a pod that has finished holds none. Times are RFC
    3339, as the API server wrote them.
    """

    cluster: str
    namespace: str
    name: str
    uid: str
    labels: Mapping[str, str] = field(hash=False)
    owner_uid: str | None
    node_name: str | None
    phase: str
    pod_ip: str | None
    is_ready: bool
    is_deleting: bool
    requests_by_resource: Mapping[str, int] = field(hash=False)
    waiting_reason: str | None
    scheduling_reason: str | None
    scheduling_message: str | None
    restarts: int
    started_at: str | None
    ready_at: str | None

    @property
    def is_finished(self) -> bool:
        """Whether the pod has ended for good, so that it holds no chips."""
        return self.phase in FINISHED_PHASES


@dataclass(frozen=True, slots=True)
class ChildSeen:
    """One object kept whole but for `metadata.managedFields`: a Deployment, a Service, or one of our own resources.

    `object` is the JSON as the API server gave it, to compare with what we would write. It must not be changed.
    """

    cluster: str
    kind: str
    namespace: str
    name: str
    uid: str
    is_deleting: bool
    object: Mapping[str, Any] = field(hash=False)

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels of the object; empty where it has none."""
        labels: Mapping[str, str] = self.object.get("metadata", {}).get("labels") or {}
        return labels
