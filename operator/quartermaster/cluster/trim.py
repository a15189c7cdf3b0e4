"""What is kept of an object: one function per kind, from the API server's JSON to a small frozen value.

A trim reads and never judges. Strings that many objects share (labels, node names, reasons) are held once. An object
that cannot be read is refused with a `ValueError` that says why.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any

from quartermaster.api.quantity import parse_quantity
from quartermaster.reconcile.observed import FINISHED_PHASES, ChildSeen, NodeSeen, PodSeen, TaintSeen

_OUR_LABELS = ("quartermaster.dev/", "app.kubernetes.io/")
_MILLI = 1000


def node(cluster: str) -> Callable[[dict[str, Any]], NodeSeen]:
    """The trim for nodes of a cluster."""
    return partial(_node, cluster)


def pod(cluster: str) -> Callable[[dict[str, Any]], PodSeen]:
    """The trim for pods of a cluster."""
    return partial(_pod, cluster)


def child(cluster: str, kind: str) -> Callable[[dict[str, Any]], ChildSeen]:
    """The trim for objects that are kept whole: those that we write, and our own resources."""
    return partial(_child, cluster, kind)


def _node(cluster: str, document: dict[str, Any]) -> NodeSeen:
    metadata, spec, status = document["metadata"], document.get("spec") or {}, document.get("status") or {}
    allocatable = status.get("allocatable") or {}
    return NodeSeen(
        cluster=cluster,
        name=sys.intern(metadata["name"]),
        uid=metadata["uid"],
        labels=_shared(metadata.get("labels") or {}),
        taints=tuple(_taint(taint) for taint in spec.get("taints") or ()),
        is_ready=_condition(status, "Ready").get("status") == "True",
        is_cordoned=bool(spec.get("unschedulable")),
        is_deleting="deletionTimestamp" in metadata,
        allocatable_by_resource=_shared_counts(
            {name: amount for name, amount in allocatable.items() if is_extended(name)}
        ),
        allocatable_cpu_millicores=_millis(str(allocatable.get("cpu", "0"))),
        allocatable_memory_bytes=_units(str(allocatable.get("memory", "0"))),
        provider_id=spec.get("providerID"),
    )


def _pod(cluster: str, document: dict[str, Any]) -> PodSeen:
    metadata, spec, status = document["metadata"], document.get("spec") or {}, document.get("status") or {}
    phase = sys.intern(status.get("phase") or "Pending")
    ready, scheduled = _condition(status, "Ready"), _condition(status, "PodScheduled")
    is_ready = ready.get("status") == "True"
    is_unscheduled = scheduled.get("status") == "False"
    containers = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    return PodSeen(
        cluster=cluster,
        namespace=sys.intern(metadata.get("namespace") or ""),
        name=metadata["name"],
        uid=metadata["uid"],
        labels=_shared({k: v for k, v in (metadata.get("labels") or {}).items() if k.startswith(_OUR_LABELS)}),
        owner_uid=_controller_uid(metadata),
        node_name=_interned(spec.get("nodeName")),
        phase=phase,
        pod_ip=status.get("podIP"),
        is_ready=is_ready,
        is_deleting="deletionTimestamp" in metadata,
        requests_by_resource=_NOTHING if phase in FINISHED_PHASES else _requests(spec),
        waiting_reason=_interned(_waiting_reason(containers) or status.get("reason")),
        scheduling_reason=_interned(scheduled.get("reason")) if is_unscheduled else None,
        scheduling_message=_interned(scheduled.get("message")) if is_unscheduled else None,
        restarts=sum(container.get("restartCount", 0) for container in containers),
        started_at=_interned(status.get("startTime")),
        ready_at=_interned(ready.get("lastTransitionTime")) if is_ready else None,
    )


def _child(cluster: str, kind: str, document: dict[str, Any]) -> ChildSeen:
    metadata = {key: value for key, value in document["metadata"].items() if key != "managedFields"}
    return ChildSeen(
        cluster=cluster,
        kind=kind,
        namespace=sys.intern(metadata.get("namespace") or ""),
        name=metadata["name"],
        uid=metadata["uid"],
        is_deleting="deletionTimestamp" in metadata,
        object={**document, "metadata": metadata},
    )


def is_extended(resource_name: str) -> bool:
    """Whether a resource name is that of a device: of a domain that is not Kubernetes' own."""
    domain, slash, _ = resource_name.partition("/")
    return bool(slash) and domain != "kubernetes.io" and not domain.endswith(".kubernetes.io")


def _requests(spec: Mapping[str, Any]) -> Mapping[str, int]:
    """What a pod takes of each device, as the scheduler counts it.

    Containers run together, and with them the init containers that restart always (sidecars); another init container
    runs alone with the sidecars that were started before it. The pod takes the larger of the two. Source:
    k8s.io/component-helpers resource.PodRequests, v0.36.
    """
    together = _sum(_of_container(container) for container in spec.get("containers") or ())
    sidecars: dict[str, int] = {}
    alone: dict[str, int] = {}
    for container in spec.get("initContainers") or ():
        wanted = _of_container(container)
        if container.get("restartPolicy") == "Always":
            sidecars = _sum((sidecars, wanted))
            wanted = sidecars
        else:
            wanted = _sum((sidecars, wanted))
        alone = {name: max(alone.get(name, 0), wanted.get(name, 0)) for name in (*alone, *wanted)}
    together = _sum((together, sidecars))
    most = {name: str(max(together.get(name, 0), alone.get(name, 0))) for name in (*together, *alone)}
    return _shared_counts(most) if most else _NOTHING


def _of_container(container: Mapping[str, Any]) -> dict[str, int]:
    """What a container asks for; an API server writes a limit without a request as a request too, files need not."""
    resources = container.get("resources") or {}
    asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return {name: _units(str(amount)) for name, amount in asked.items() if is_extended(name)}


def _sum(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for part in parts:
        for name, amount in part.items():
            total[name] = total.get(name, 0) + amount
    return total


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """A condition by its type; empty where there is none."""
    for condition in status.get("conditions") or ():
        if condition.get("type") == kind:
            found: Mapping[str, Any] = condition
            return found
    return {}


def _waiting_reason(containers: Iterable[Mapping[str, Any]]) -> str | None:
    """Why the first container that waits does so: `ImagePullBackOff`, and so on."""
    for container in containers:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason"):
            return str(waiting["reason"])
    return None


def _controller_uid(metadata: Mapping[str, Any]) -> str | None:
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("controller"):
            return _interned(owner["uid"])
    return None


def _taint(taint: Mapping[str, Any]) -> TaintSeen:
    return _shared_taint(taint["key"], taint.get("value") or "", taint["effect"])


@lru_cache(maxsize=1024)
def _shared_taint(key: str, value: str, effect: str) -> TaintSeen:
    return TaintSeen(key, value, effect)


def _interned(text: str | None) -> str | None:
    return None if text is None else sys.intern(text)


def _shared(strings: Mapping[str, str]) -> Mapping[str, str]:
    """The same labels are held once, however many objects bear them."""
    return _shared_strings(tuple(sorted(strings.items()))) if strings else _NO_LABELS


@lru_cache(maxsize=4096)
def _shared_strings(items: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    return MappingProxyType({sys.intern(name): sys.intern(value) for name, value in items})


def _shared_counts(amounts: Mapping[str, str | int]) -> Mapping[str, int]:
    """The same amounts are held once."""
    return _shared_amounts(tuple(sorted((name, str(amount)) for name, amount in amounts.items())))


@lru_cache(maxsize=4096)
def _shared_amounts(items: tuple[tuple[str, str], ...]) -> Mapping[str, int]:
    return MappingProxyType({sys.intern(name): _units(amount) for name, amount in items})


@lru_cache(maxsize=4096)
def _units(quantity: str) -> int:
    """A quantity in whole units, rounded down: a part of a device is none."""
    return int(parse_quantity(quantity))


@lru_cache(maxsize=4096)
def _millis(quantity: str) -> int:
    """A quantity in thousandths, rounded down."""
    return int(parse_quantity(quantity) * _MILLI)


_NOTHING: Mapping[str, int] = MappingProxyType({})
_NO_LABELS: Mapping[str, str] = MappingProxyType({})
