"""Reading a live cluster for the verbs: the same objects that files would hold. Nothing is written."""

import argparse
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from quartermaster.api import names
from quartermaster.cluster import resources
from quartermaster.cluster.call import Limits
from quartermaster.cluster.client import Client
from quartermaster.cluster.credentials import Source
from quartermaster.cluster.errors import ApiError
from quartermaster.cluster.resources import Resource
from quartermaster.cluster.trim import is_extended

Object = dict[str, Any]

_OURS = (resources.INFERENCE_DEPLOYMENTS, resources.ACCELERATOR_POOLS, resources.MODEL_PROFILES)
# A person waits: whoever cannot be reached is told so after seconds.
_LIMITS = Limits(attempts=3, connect_timeout_seconds=5.0)


@asynccontextmanager
async def client(given: argparse.Namespace) -> AsyncIterator[Client]:
    """Yield a client of the cluster that the arguments name."""
    source = Source(kubeconfig=given.kubeconfig, context=given.context)
    async with Client(source, limits=_LIMITS) as opened:
        yield opened


async def fleet_objects(opened: Client) -> list[Object]:
    """Return everything that a plan is made from, and of it only what a plan reads: no environment, no annotations."""
    found = [_node(item) async for item in _each(opened, resources.NODES)]
    found += [_pod(item) async for item in _each(opened, resources.PODS) if _holds_devices(item)]
    for resource in _OURS:
        try:
            found += [_ours(item) async for item in _each(opened, resource)]
        except ApiError as error:
            # Before Quartermaster is installed there are none; its plan can be asked for all the same.
            if not error.is_not_found:
                raise
    ours = {"labelSelector": f"{names.MANAGED_BY_LABEL}={names.MANAGED_BY}"}
    found += [_deployment(item) async for item in _each(opened, resources.DEPLOYMENTS, ours)]
    return found


async def _each(opened: Client, resource: Resource, query: Mapping[str, str] | None = None) -> AsyncIterator[Object]:
    async for page in opened.pages(resource, query=query, page_size=500):
        for item in page["items"]:
            yield {**item, "apiVersion": resource.api_version, "kind": resource.kind}


def _part(whole: Mapping[str, Any], *fields: str) -> Object:
    return {field: whole[field] for field in fields if field in whole}


def _metadata(item: Object) -> Object:
    kept = ("name", "namespace", "uid", "generation", "labels", "ownerReferences", "deletionTimestamp")
    return _part(item["metadata"], *kept)


def _typed(item: Object, **parts: Any) -> Object:
    given = {name: part for name, part in parts.items() if part}
    return {"apiVersion": item["apiVersion"], "kind": item["kind"], "metadata": _metadata(item), **given}


def _ours(item: Object) -> Object:
    return _typed(item, spec=item.get("spec"), status=item.get("status"))


def _deployment(item: Object) -> Object:
    spec, status = item.get("spec", {}), item.get("status", {})
    return _typed(item, spec=_part(spec, "replicas"), status=_part(status, "readyReplicas"))


def _node(item: Object) -> Object:
    status = item.get("status", {})
    kept = _part(status, "allocatable")
    kept["conditions"] = _conditions(status, "Ready")
    return _typed(item, spec=_part(item.get("spec", {}), "providerID", "taints", "unschedulable"), status=kept)


def _pod(item: Object) -> Object:
    spec, status = item.get("spec", {}), item.get("status", {})
    kept = _part(spec, "nodeName")
    for kind in ("containers", "initContainers"):
        if containers := [_container(container) for container in spec.get(kind, ()) if _asks(container)]:
            kept[kind] = containers
    seen = _part(status, "phase")
    if conditions := _conditions(status, "Ready", "PodScheduled"):
        seen["conditions"] = conditions
    return _typed(item, spec=kept, status=seen)


def _holds_devices(item: Object) -> bool:
    """Whether the pod asks for devices. No other pod changes a plan, and there may be very many."""
    spec = item.get("spec", {})
    containers = (*spec.get("containers", ()), *spec.get("initContainers", ()))
    return any(is_extended(name) for c in containers if _asks(c) for name in c["resources"]["requests"])


def _container(container: Object) -> Object:
    return {**_part(container, "name", "restartPolicy"), "resources": {"requests": container["resources"]["requests"]}}


def _asks(container: Object) -> bool:
    return bool(container.get("resources", {}).get("requests"))


def _conditions(status: Object, *kinds: str) -> list[Object]:
    return [_part(c, "type", "status") for c in status.get("conditions", ()) if c.get("type") in kinds]
