"""The Deployment of one placement: its pod, pinned to the pool, and how it rolls. The container is in ``container``."""

from typing import Any, Final

from quartermaster.manifests.affinity import node_affinity, node_selector, tolerations
from quartermaster.manifests.container import (
    GRACE_SECONDS,
    insist_on_container,
    serving_container,
    serving_volumes,
    startup_seconds,
)
from quartermaster.manifests.engines import Launch, launch
from quartermaster.manifests.labels import child_metadata, placement_labels, placement_selector
from quartermaster.manifests.names import deployment_name
from quartermaster.manifests.replica import Replica
from quartermaster.manifests.weights import weights_of

_PROGRESS_MARGIN_SECONDS: Final = 600
"""Beyond the start-up time: scheduling, pulling the image, and a node that an autoscaler adds."""

_UNPRIVILEGED_ID: Final = 1000
"""Any id but root's: everything that is written to is a volume of the pod's group."""


def placement_deployment(replica: Replica) -> dict[str, Any]:
    """Return the ``apps/v1`` Deployment of one placement.

    A change of its template makes before it breaks: one more pod, never one fewer. On a pool without free chips such a
    roll-out waits until chips are free; whoever decides may free them by lowering ``replicas`` first.

    Raises:
        ManifestError: the placement cannot be written as a Deployment; the message says why and what to do.
    """
    started = launch(replica, weights_of(replica.workload))
    placement = replica.placement
    name = deployment_name(placement.candidate.workload, placement.place)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": child_metadata(replica.deployment, name, placement_labels(placement)),
        "spec": {
            "replicas": placement.replicas,
            "selector": {"matchLabels": placement_selector(placement)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "progressDeadlineSeconds": startup_seconds(replica, started) + _PROGRESS_MARGIN_SECONDS,
            "revisionHistoryLimit": 3,
            "template": {"metadata": _pod_metadata(replica), "spec": _pod_spec(replica, started)},
        },
    }


def insist_on_buildable(replica: Replica) -> None:
    """Refuse what ``placement_deployment`` refuses, without writing the rest.

    Raises:
        ManifestError: the placement cannot be written as a Deployment; the message says why and what to do.
    """
    launch(replica, weights_of(replica.workload))
    node_affinity(replica)
    insist_on_container(replica)


def _pod_metadata(replica: Replica) -> dict[str, Any]:
    overlay = replica.workload.spec.serving.overlay
    metadata: dict[str, Any] = {"labels": {**overlay.labels, **placement_labels(replica.placement)}}
    if overlay.annotations:
        metadata["annotations"] = dict(overlay.annotations)
    return metadata


def _pod_spec(replica: Replica, started: Launch) -> dict[str, Any]:
    overlay = replica.workload.spec.serving.overlay
    optional = {
        "nodeSelector": node_selector(replica),
        "serviceAccountName": overlay.service_account_name,
        "priorityClassName": overlay.priority_class_name,
        "imagePullSecrets": [{"name": name} for name in overlay.image_pull_secrets],
    }
    return {
        "affinity": node_affinity(replica),
        "tolerations": tolerations(replica),
        **{field: value for field, value in optional.items() if value},
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _UNPRIVILEGED_ID,
            "runAsGroup": _UNPRIVILEGED_ID,
            "fsGroup": _UNPRIVILEGED_ID,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [serving_container(replica, started)],
        "volumes": serving_volumes(replica),
    }
