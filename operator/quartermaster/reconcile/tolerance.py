"""Taints and tolerations: which nodes keep our pods off. A taint that nobody explained means that we are not wanted."""

from collections.abc import Iterable, Sequence

from quartermaster.api.v1alpha1.acceleratorpool import PoolToleration
from quartermaster.catalog.accelerator import NodeTaint
from quartermaster.reconcile.observed import NodeSeen, TaintSeen

_REPELLING = frozenset({"NoSchedule", "NoExecute"})
_OWN_DOMAIN = "node.kubernetes.io/"
"""Taints that Kubernetes sets by a node's state, which readiness and cordoning tell already."""


def tolerated(
    declared: Iterable[PoolToleration], expected: Iterable[NodeTaint], resource_name: str
) -> tuple[PoolToleration, ...]:
    """Return the tolerations of a pool: those of its chip's platform and resource, and those that somebody declared."""
    known = [PoolToleration(key=taint.key, value=taint.value, effect=taint.effect) for taint in expected]
    if resource_name:
        known.append(PoolToleration(key=resource_name, effect="NoSchedule"))
    return tuple(dict.fromkeys([*known, *declared]))


def repelling_taint(node: NodeSeen, tolerations: Sequence[PoolToleration]) -> TaintSeen | None:
    """Return the first taint that would keep a pod with these tolerations off the node."""
    for taint in node.taints:
        if taint.effect not in _REPELLING or taint.key.startswith(_OWN_DOMAIN):
            continue
        if not any(_tolerates(toleration, taint) for toleration in tolerations):
            return taint
    return None


def _tolerates(toleration: PoolToleration, taint: TaintSeen) -> bool:
    return (
        toleration.key == taint.key
        and toleration.value in {None, taint.value}
        and toleration.effect in {None, taint.effect}
    )
