"""Objects for the laboratory's own tests: one fake node, one deployment. Fleets are built elsewhere."""

from tests.lab.objects import Object, has_condition

TOLERATION = {"key": "kwok.x-k8s.io/node", "operator": "Exists"}


def node(name: str, *, chips: int = 8) -> Object:
    """Return a fake node with this many GPUs."""
    resources = {"cpu": "64", "memory": "512Gi", "pods": "110", "nvidia.com/gpu": str(chips)}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/hostname": name},
            "annotations": {"kwok.x-k8s.io/node": "fake"},
        },
        "spec": {
            "providerID": f"fake://{name}",
            "taints": [{"key": "kwok.x-k8s.io/node", "value": "fake", "effect": "NoSchedule"}],
        },
        "status": {"capacity": resources, "allocatable": resources},
    }


def is_usable(node: Object) -> bool:
    """Whether the node is Ready and the node controller has taken away the taint of a new node."""
    taints = {taint["key"] for taint in node["spec"].get("taints", [])}
    return has_condition(node, "Ready") and "node.kubernetes.io/not-ready" not in taints


def pod_spec() -> Object:
    """Return a pod that lands on any fake node and keeps to the restricted Pod Security Standard."""
    return {
        "tolerations": [TOLERATION],
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "server",
                "image": "registry.example/server:1",
                "resources": {"limits": {"nvidia.com/gpu": "1"}},
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }
        ],
    }


def pod(name: str, namespace: str, **annotations: str) -> Object:
    """Return a pod; ``ready_delay="2s"`` becomes the annotation ``lab.quartermaster.dev/ready-delay``."""
    steering = {f"lab.quartermaster.dev/{key.replace('_', '-')}": value for key, value in annotations.items()}
    metadata = {"name": name, "namespace": namespace, "annotations": steering}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod_spec()}


def deployment(name: str, namespace: str, *, replicas: int) -> Object:
    """Return a deployment of such pods."""
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod_spec()},
        },
    }
