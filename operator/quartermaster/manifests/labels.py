"""Labels, selectors and owner references of children. Only metadata is built here."""

from collections.abc import Mapping
from typing import Any

from quartermaster.api import names as wire
from quartermaster.api.v1alpha1 import InferenceDeployment
from quartermaster.planner.fleet import Key, Place
from quartermaster.planner.plan import Placement


def deployment_labels(key: Key) -> dict[str, str]:
    """Return the labels of every child of one InferenceDeployment."""
    return {wire.MANAGED_BY_LABEL: wire.MANAGED_BY, wire.DEPLOYMENT_LABEL: key.name}


def placement_labels(placement: Placement) -> dict[str, str]:
    """Return the labels of everything that belongs to one placement."""
    candidate = placement.candidate
    return {
        **deployment_labels(candidate.workload),
        wire.POOL_LABEL: candidate.pool,
        wire.SHAPE_LABEL: candidate.shape.key,
        **({wire.ZONE_LABEL: placement.zone} if placement.zone else {}),
        wire.ENGINE_LABEL: candidate.shape.engine.value,
    }


def place_of(labels: Mapping[str, str]) -> Place:
    """Return where the replicas are that carry these labels."""
    return Place(labels.get(wire.POOL_LABEL, ""), labels.get(wire.SHAPE_LABEL, ""), labels.get(wire.ZONE_LABEL, ""))


def deployment_selector(key: Key) -> dict[str, str]:
    """Return the labels that find all pods of one InferenceDeployment."""
    return {wire.DEPLOYMENT_LABEL: key.name}


def placement_selector(placement: Placement) -> dict[str, str]:
    """Return the labels that find the pods of one placement; a Deployment's selector can never change."""
    told_apart = (wire.DEPLOYMENT_LABEL, wire.POOL_LABEL, wire.SHAPE_LABEL, wire.ZONE_LABEL)
    return {label: value for label, value in placement_labels(placement).items() if label in told_apart}


def child_metadata(deployment: InferenceDeployment, name: str, labels: dict[str, str]) -> dict[str, Any]:
    """Return the metadata of a child: it lives and dies with its InferenceDeployment."""
    return {
        "name": name,
        "namespace": deployment.metadata.namespace,
        "labels": labels,
        "ownerReferences": [
            {
                "apiVersion": deployment.api_version,
                "kind": deployment.kind,
                "name": deployment.metadata.name,
                "uid": deployment.metadata.uid,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
