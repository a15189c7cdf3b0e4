"""Reading a live cluster for the verbs: the same objects that files would hold. Nothing is written."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from quartermaster.api import names
from quartermaster.cluster import resources
from quartermaster.cluster.client import Client
from quartermaster.cluster.credentials import Source
from quartermaster.cluster.resources import Resource

_WHOLE = (resources.INFERENCE_DEPLOYMENTS, resources.ACCELERATOR_POOLS, resources.MODEL_PROFILES)
_CHILDREN = (
    resources.DEPLOYMENTS,
    resources.SERVICES,
    resources.POD_DISRUPTION_BUDGETS,
    resources.ENDPOINT_SLICES,
)


@asynccontextmanager
async def client(kubeconfig: str | None, context: str | None) -> AsyncIterator[Client]:
    """Yield a client of the cluster that the kubeconfig names."""
    async with Client(Source(kubeconfig=kubeconfig, context=context)) as opened:
        yield opened


async def fleet_objects(opened: Client) -> list[dict[str, Any]]:
    """Return everything that a plan is made from, without what it is not: no environment, no secrets, no history."""
    found = [_node(item) for item in await _list(opened, resources.NODES)]
    found += [_pod(item) for item in await _list(opened, resources.PODS)]
    for resource in _WHOLE:
        found += [_plain(item) for item in await _list(opened, resource)]
    ours = {"labelSelector": f"{names.MANAGED_BY_LABEL}={names.MANAGED_BY}"}
    for resource in _CHILDREN:
        found += [_plain(item) for item in await _list(opened, resource, ours)]
    return found


async def _list(opened: Client, resource: Resource, query: dict[str, str] | None = None) -> list[dict[str, Any]]:
    items = await opened.list(resource, query=query)
    return [{"apiVersion": resource.api_version, "kind": resource.kind, **item} for item in items]


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    metadata = {field: value for field, value in item["metadata"].items() if field != "managedFields"}
    return {**item, "metadata": metadata}


def _node(item: dict[str, Any]) -> dict[str, Any]:
    spec, status = item.get("spec", {}), item.get("status", {})
    return {
        "apiVersion": item["apiVersion"],
        "kind": item["kind"],
        "metadata": {
            field: item["metadata"][field] for field in ("name", "uid", "labels") if field in item["metadata"]
        },
        "spec": {field: spec[field] for field in ("providerID", "taints", "unschedulable") if field in spec},
        "status": {
            "allocatable": status.get("allocatable", {}),
            "conditions": [c for c in status.get("conditions", ()) if c.get("type") == "Ready"],
        },
    }


def _pod(item: dict[str, Any]) -> dict[str, Any]:
    spec, metadata = item.get("spec", {}), item["metadata"]
    kept = ("name", "namespace", "uid", "labels", "ownerReferences")
    return {
        "apiVersion": item["apiVersion"],
        "kind": item["kind"],
        "metadata": {field: metadata[field] for field in kept if field in metadata},
        "spec": {
            "nodeName": spec.get("nodeName"),
            "containers": [_container(container) for container in spec.get("containers", ())],
            "initContainers": [_container(container) for container in spec.get("initContainers", ())],
        },
        "status": {
            "phase": item.get("status", {}).get("phase"),
            "conditions": [
                c for c in item.get("status", {}).get("conditions", ()) if c.get("type") in {"Ready", "PodScheduled"}
            ],
        },
    }


def _container(container: dict[str, Any]) -> dict[str, Any]:
    kept = {"name": container["name"], "resources": container.get("resources", {})}
    if "restartPolicy" in container:
        kept["restartPolicy"] = container["restartPolicy"]
    return kept
