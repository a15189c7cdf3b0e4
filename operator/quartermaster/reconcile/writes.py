"""Wanted children against those seen: what to apply and what to delete. A settled world gives neither."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from quartermaster.api import names
from quartermaster.manifests import drift
from quartermaster.planner.fleet import Key, Place
from quartermaster.reconcile.observed import ChildSeen
from quartermaster.reconcile.outcome import Apply, Clean, Delete, Reference
from quartermaster.reconcile.rollout import with_way_out

API_VERSION_BY_KIND: Mapping[str, str] = {
    "Deployment": "apps/v1",
    "Service": "v1",
    "PodDisruptionBudget": "policy/v1",
    "EndpointSlice": "discovery.k8s.io/v1",
}
"""Kinds of children. Objects in a list of the API server do not say their version themselves."""

Identity = tuple[str, str, str]
"""Kind, namespace, name."""


@dataclass(frozen=True, slots=True)
class Writes:
    """What to write for the children of one deployment."""

    apply: tuple[Apply, ...]
    delete: tuple[Delete, ...]
    clean: Mapping[Identity, Clean]
    """Children that are as declared."""


NOTHING_CLEAN: Mapping[Identity, Clean] = MappingProxyType({})


def owned_by_key(children: Sequence[ChildSeen]) -> dict[Key, list[ChildSeen]]:
    """Return the children whose controller is an InferenceDeployment, by that deployment.

    A label alone does not make an object ours: controllers copy labels from a Service to its EndpointSlices.
    """
    found: dict[Key, list[ChildSeen]] = {}
    for child in sorted(children, key=lambda c: (c.namespace, c.kind, c.name)):
        owner = _owner(child)
        if owner is not None:
            found.setdefault(Key(child.namespace, owner), []).append(child)
    return found


def _owner(child: ChildSeen) -> str | None:
    for owner in child.object["metadata"].get("ownerReferences") or ():
        is_ours = owner["kind"] == "InferenceDeployment" and owner["apiVersion"].startswith(f"{names.GROUP}/")
        if owner.get("controller") and is_ours:
            return str(owner["name"])
    return None


def writes(
    wanted: Sequence[Mapping[str, Any]],
    seen: Sequence[ChildSeen],
    *,
    kept: frozenset[Identity] = frozenset(),
    refused: frozenset[Place] = frozenset(),
    clean: Mapping[Identity, Clean] = NOTHING_CLEAN,
) -> Writes:
    """Return what to apply and what to delete for one InferenceDeployment.

    Args:
        wanted: manifests in apply order.
        seen: its children.
        kept: children that are not wanted any more, but must stay as they are for now.
        refused: where a replica of which finds no node.
        clean: children that were as declared when they were last looked at.
    """
    seen_by_identity = {_identity_seen(child): child for child in seen}
    applied = []
    found_clean: dict[Identity, Clean] = {}
    for manifest in wanted:
        child = seen_by_identity.get(_identity(manifest))
        if child is None:
            applied.append(Apply(manifest, "it is not there"))
        elif not child.is_deleting:
            identity = _identity(manifest)
            stated = with_way_out(manifest, child.object, refused_places=refused)
            now = Clean(drift.digest(stated), child.object)
            different = None if _is_still(clean.get(identity), now) else drift.difference(stated, child.object)
            if different is None:
                found_clean[identity] = now
            else:
                applied.append(Apply(stated, str(different)))
    stay = {_identity(manifest) for manifest in wanted} | kept
    deleted = [
        Delete(reference_of(child), "it is not wanted any more")
        for identity, child in seen_by_identity.items()
        if identity not in stay and not child.is_deleting
    ]
    return Writes(tuple(applied), tuple(deleted), found_clean)


_OFTEN_OTHERWISE = frozenset({"resourceVersion", "generation", "managedFields"})
"""Metadata that changes with the status, or tells of changes that show elsewhere."""


def _is_still(before: Clean | None, now: Clean) -> bool:
    """Whether nothing but its status has changed since the child was found to be as declared; far quicker to see."""
    if before is None or before.digest != now.digest:
        return False
    return before.object is now.object or _without_status(before.object) == _without_status(now.object)


def _without_status(child: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    metadata = {name: value for name, value in child["metadata"].items() if name not in _OFTEN_OTHERWISE}
    return metadata, {name: value for name, value in child.items() if name not in {"status", "metadata"}}


def reference_of(child: ChildSeen) -> Reference:
    """Return the reference of an object seen."""
    return Reference(API_VERSION_BY_KIND[child.kind], child.kind, child.namespace, child.name, child.uid)


def _identity(manifest: Mapping[str, Any]) -> Identity:
    return (manifest["kind"], manifest["metadata"]["namespace"], manifest["metadata"]["name"])


def _identity_seen(child: ChildSeen) -> Identity:
    return (child.kind, child.namespace, child.name)
