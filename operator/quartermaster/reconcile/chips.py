"""Chips of nodes: what the device plugin offers, what pods of others hold, what anybody holds. Counting only.

A pod holds chips from the moment it is bound to a node until it has finished or is gone; one that is being deleted
still holds them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from quartermaster.api import names
from quartermaster.planner.fleet import Host, Key
from quartermaster.reconcile.observed import NodeSeen, PodSeen


@dataclass(frozen=True, slots=True)
class Held:
    """Chips of one node that pods hold."""

    by_others: int = 0
    by_ours: int = 0


def is_ours(pod: PodSeen) -> bool:
    """Whether the pod is a replica that Quartermaster placed."""
    return pod.labels.get(names.MANAGED_BY_LABEL) == names.MANAGED_BY and names.POOL_LABEL in pod.labels


def deployment_of(pod: PodSeen) -> Key | None:
    """Return the InferenceDeployment that a pod serves; None for a pod that serves none."""
    name = pod.labels.get(names.DEPLOYMENT_LABEL)
    return None if name is None else Key(pod.namespace, name)


def held_by_node(pods: Iterable[PodSeen]) -> dict[tuple[str, str], Held]:
    """Return the chips held, by (node name, resource name)."""
    others: dict[tuple[str, str], int] = defaultdict(int)
    ours: dict[tuple[str, str], int] = defaultdict(int)
    for pod in pods:
        if pod.node_name is None or pod.is_finished:
            continue
        tally = ours if is_ours(pod) else others
        for resource, count in pod.requests_by_resource.items():
            tally[pod.node_name, resource] += count
    return {key: Held(others.get(key, 0), ours.get(key, 0)) for key in others.keys() | ours.keys()}


def draining_chips_by_node(pods: Iterable[PodSeen]) -> dict[str, int]:
    """Return the chips held by replicas of ours that are being deleted, by node name."""
    found: dict[str, int] = defaultdict(int)
    for pod in pods:
        if pod.is_deleting and pod.node_name is not None and not pod.is_finished and is_ours(pod):
            found[pod.node_name] += sum(pod.requests_by_resource.values())
    return found


def is_usable(node: NodeSeen) -> bool:
    """Whether new replicas may be planned on the node."""
    return node.is_ready and not node.is_cordoned and not node.is_deleting


def node_host(
    node: NodeSeen, resource: str, zone: str, held: Mapping[tuple[str, str], Held], *, is_whole: bool
) -> Host:
    """Return the node as a host; with ``is_whole`` a replica takes all of its chips or none."""
    chips = node.allocatable_by_resource.get(resource, 0)
    taken = held.get((node.name, resource), Held())
    return _host(node.name, zone, chips, taken=taken, nodes=1, is_whole=is_whole)


def slice_host(
    name: str, nodes: Sequence[NodeSeen], resource: str, *, zone: str, held: Mapping[tuple[str, str], Held]
) -> Host:
    """Return a slice of several nodes, which is taken whole, as one host."""
    chips = sum(node.allocatable_by_resource.get(resource, 0) for node in nodes)
    taken = [held.get((node.name, resource), Held()) for node in nodes]
    total = Held(sum(t.by_others for t in taken), sum(t.by_ours for t in taken))
    return _host(name, zone, chips, taken=total, nodes=len(nodes), is_whole=True)


def _host(name: str, zone: str, chips: int, *, taken: Held, nodes: int, is_whole: bool) -> Host:
    available = max(0, chips - taken.by_others)
    free = max(0, available - taken.by_ours)
    if is_whole:
        available = chips if taken.by_others == 0 else 0
        free = chips if taken.by_others == 0 and taken.by_ours == 0 else 0
    return Host(name, zone, chips, available, free, nodes=nodes, is_whole=is_whole)
