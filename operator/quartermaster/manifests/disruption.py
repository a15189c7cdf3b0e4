"""The PodDisruptionBudget over all pods of an InferenceDeployment."""

from typing import Any, Final

from quartermaster.api.v1alpha1 import InferenceDeployment
from quartermaster.manifests.labels import child_metadata, deployment_labels, deployment_selector
from quartermaster.manifests.names import disruption_budget_name
from quartermaster.planner.fleet import Key

_MAX_UNAVAILABLE: Final = "5%"
"""Rounded up by Kubernetes: one pod up to 20 replicas, so that a drain always gets on. A share needs no write when
replicas change, and a count would.
"""


def disruption_budget(deployment: InferenceDeployment) -> dict[str, Any]:
    """Return the budget of voluntary evictions. Pods that are not ready never hold up a drain."""
    key = Key(deployment.metadata.namespace, deployment.metadata.name)
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": child_metadata(deployment, disruption_budget_name(key), deployment_labels(key)),
        "spec": {
            "maxUnavailable": _MAX_UNAVAILABLE,
            "selector": {"matchLabels": deployment_selector(key)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
