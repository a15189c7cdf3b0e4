"""Children rendered and compared with those seen, once for each change: what is as it was is not looked at again.

A fleet of a thousand deployments has several thousand children; to render and compare all of them at every look would
take most of the look. A rendering remembers everything that it was made from, so that losing it costs time and nothing
else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from quartermaster.api.v1alpha1 import InferenceDeployment
from quartermaster.catalog.catalog import Catalog
from quartermaster.manifests.children import children
from quartermaster.manifests.errors import ManifestError
from quartermaster.planner.fleet import Host, Place, Pool, Workload
from quartermaster.planner.plan import Placement
from quartermaster.reconcile.observed import ChildSeen
from quartermaster.reconcile.outcome import Rendered
from quartermaster.reconcile.writes import NOTHING_CLEAN, Identity, writes


@dataclass(frozen=True, slots=True)
class Wish:
    """Everything that the children of one deployment are rendered from, and what exists of them."""

    deployment: InferenceDeployment
    workload: Workload
    placements: tuple[Placement, ...]
    """With the counts of now."""
    pools: tuple[Pool, ...]
    """Faces of the pools of the placements."""
    children: tuple[ChildSeen, ...]
    kept: frozenset[Identity]
    """Children that are not wanted any more, but must stay as they are for now."""
    refused: frozenset[Place] = frozenset()
    """Placements of which the scheduler finds no node for a pod."""


def faces(pools_by_name: Mapping[str, Pool], before: Mapping[str, Pool]) -> dict[str, Pool]:
    """Return of each pool what objects are rendered from: no names of hosts and nothing of what is free on them.

    A face that has not changed is the same object as before.
    """
    found = {}
    for name, pool in pools_by_name.items():
        kinds = {(host.chips, host.nodes, host.is_whole, host.exists) for host in pool.hosts}
        hosts = tuple(
            Host("", "", chips, chips, chips, nodes=nodes, is_whole=is_whole, exists=exists)
            for chips, nodes, is_whole, exists in sorted(kinds)
        )
        face = replace(pool, hosts=hosts)
        found[name] = before[name] if before.get(name) == face else face
    return found


def rendered(wish: Wish, before: Rendered | None, *, catalog: Catalog) -> Rendered:
    """Return what to write for the children of one deployment; what was found before where nothing has changed."""
    made_from = (
        wish.deployment,
        wish.workload.spec,
        wish.workload.model,
        wish.placements,
        wish.pools,
        wish.kept,
        wish.refused,
        wish.children,
    )
    if before is not None and _is_same(made_from, before.made_from):
        return before
    try:
        manifests = children(
            wish.deployment,
            wish.workload,
            placements=wish.placements,
            pools_by_name={pool.name: pool for pool in wish.pools},
            engines_by_name=catalog.engines_by_name,
        )
    except ManifestError as refusal:
        return Rendered(made_from, refusal=refusal)
    clean = NOTHING_CLEAN if before is None else before.clean_by_child
    found = writes(manifests, wish.children, kept=wish.kept, refused=wish.refused, clean=clean)
    return Rendered(made_from, found.apply, found.delete, clean_by_child=found.clean)


def _is_same(made_from: tuple[object, ...], before: tuple[object, ...]) -> bool:
    """Whether both hold the same: objects seen are compared by identity, because a cache keeps what has not changed."""
    *declared, seen = made_from
    *declared_before, seen_before = before
    if declared[0] is not declared_before[0] or not isinstance(seen, tuple) or not isinstance(seen_before, tuple):
        return False
    is_seen_alike = len(seen) == len(seen_before) and all(a is b for a, b in zip(seen, seen_before, strict=True))
    return is_seen_alike and declared[1:] == declared_before[1:]
