"""The Service over all pods of an InferenceDeployment. Services of external pools are in ``external``."""

from typing import Any

from quartermaster.api.names import SERVING_PORT
from quartermaster.api.v1alpha1 import InferenceDeployment
from quartermaster.manifests.container import PORT_NAME
from quartermaster.manifests.labels import child_metadata, deployment_labels, deployment_selector
from quartermaster.manifests.names import service_name
from quartermaster.planner.fleet import Key


def deployment_service(deployment: InferenceDeployment) -> dict[str, Any]:
    """Return the Service that load is sent to: ready pods of every placement, whatever their pool."""
    key = Key(deployment.metadata.namespace, deployment.metadata.name)
    port = {"name": PORT_NAME, "port": SERVING_PORT, "targetPort": PORT_NAME, "protocol": "TCP", "appProtocol": "http"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": child_metadata(deployment, service_name(key), deployment_labels(key)),
        "spec": {"type": "ClusterIP", "selector": deployment_selector(key), "ports": [port]},
    }
