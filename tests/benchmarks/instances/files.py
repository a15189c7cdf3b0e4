"""An instance as Kubernetes objects in files, a list per kind: `plan --fleet DIR -f DIR` plans the same problem."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from quartermaster.api import names
from quartermaster.planner.fleet import External, Host, Pool, Running, Workload
from tests.benchmarks.instances.generate import Instance

POOL_LABEL = "example.com/pool"
"""On nodes, and in the selector of their AcceleratorPool."""
FORMATS = ("yaml", "json")

Object = dict[str, Any]


def write(instance: Instance, folder: Path, *, form: str = "json") -> list[Path]:
    """Write the objects of an instance into the folder, which is made; return the files.

    Args:
        instance: what to write.
        folder: where to; files of the same names are overwritten.
        form: one of ``FORMATS``; JSON is read much faster.
    """
    folder.mkdir(parents=True, exist_ok=True)
    by_kind = {
        "AcceleratorPool": [_pool(pool) for pool in instance.fleet.pools],
        "Node": [_node(pool, host) for pool in instance.fleet.pools for host in pool.hosts],
        "Pod": [*_pods_of_others(instance.fleet.pools), *_replicas(instance)],
        "Deployment": [_child(workload, row) for workload in instance.workloads for row in workload.running],
        "InferenceDeployment": [_deployment(workload) for workload in instance.workloads],
    }
    written = []
    for kind, objects in by_kind.items():
        path = folder / f"{kind.lower()}s.{form}"
        document = {"apiVersion": "v1", "kind": f"{kind}List", "items": objects}
        text = json.dumps(document) if form == "json" else yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def _pool(pool: Pool) -> Object:
    spec: Object = {"region": pool.region}
    if pool.external is not None:
        spec["external"] = _service(pool.external)
    else:
        spec |= {
            "nodeSelector": {POOL_LABEL: pool.name},
            "accelerator": pool.accelerator_name,
            "provider": pool.provider,
            "capacityType": pool.capacity_type.value,
            "dollarsPerChipHour": f"{pool.dollars_per_chip_hour:.3f}",
        }
    return {"apiVersion": names.API_VERSION, "kind": "AcceleratorPool", "metadata": {"name": pool.name}, "spec": spec}


def _service(service: External) -> Object:
    return {
        "endpoint": service.endpoint,
        "models": sorted(service.models),
        "tokensPerSecond": int(service.tokens_per_second),
        "dollarsPerMillionInputTokens": f"{service.dollars_per_million_input_tokens:.2f}",
        "dollarsPerMillionOutputTokens": f"{service.dollars_per_million_output_tokens:.2f}",
        "timeToFirstTokenMilliseconds": round((service.time_to_first_token_seconds or 1.0) * 1000),
        "interTokenLatencyMilliseconds": round((service.inter_token_latency_seconds or 1.0) * 1000),
    }


def _node(pool: Pool, host: Host) -> Object:
    labels = {
        POOL_LABEL: pool.name,
        "topology.kubernetes.io/region": pool.region,
        "topology.kubernetes.io/zone": host.zone,
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": host.name, "labels": labels},
        "status": {"allocatable": {pool.resource_name: str(host.chips)}},
    }


def _pods_of_others(pools: Sequence[Pool]) -> Iterator[Object]:
    for pool in pools:
        for host in pool.hosts:
            held = host.chips - host.available_chips
            if held:
                yield _pod(f"other-{host.name}", {"app": "training"}, host.name, {pool.resource_name: held})


def _replicas(instance: Instance) -> Iterator[Object]:
    resource_by_pool = {pool.name: pool.resource_name for pool in instance.fleet.pools}
    for workload in instance.workloads:
        for place, row in enumerate(workload.running):
            chips = int(row.shape_key.rsplit("tp", 1)[1])
            for number, host in enumerate(row.hosts):
                name = f"{workload.key.name}-{place}-{number}"
                yield _pod(name, _labels(workload, row), host, {resource_by_pool[row.pool]: chips})


def _pod(name: str, labels: dict[str, str], node: str, resources: dict[str, int]) -> Object:
    counts = {resource: str(count) for resource, count in resources.items()}
    held = {"requests": counts, "limits": counts}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": labels},
        "spec": {
            "nodeName": node,
            "containers": [{"name": "server", "image": "example.com/server:1", "resources": held}],
        },
        "status": {"phase": "Running"},
    }


def _labels(workload: Workload, row: Running) -> dict[str, str]:
    return {
        names.MANAGED_BY_LABEL: names.MANAGED_BY,
        names.DEPLOYMENT_LABEL: workload.key.name,
        names.POOL_LABEL: row.pool,
        names.SHAPE_LABEL: row.shape_key,
        **({names.ZONE_LABEL: row.zone} if row.zone else {}),
    }


def _child(workload: Workload, row: Running) -> Object:
    labels = _labels(workload, row)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "-".join((workload.key.name, *(part for part in row.place if part)))[:253],
            "namespace": workload.key.namespace,
            "labels": labels,
            "ownerReferences": [_owner(workload)],
        },
        "spec": {"replicas": row.replicas, "selector": {"matchLabels": labels}},
        "status": {"replicas": row.replicas, "readyReplicas": row.ready},
    }


def _owner(workload: Workload) -> Object:
    """Return the reference that makes the child one of ours, with the uid that reading the files fills in."""
    key = workload.key
    return {
        "apiVersion": names.API_VERSION,
        "kind": "InferenceDeployment",
        "name": key.name,
        "uid": f"InferenceDeployment/{key.namespace}/{key.name}",
        "controller": True,
    }


def _deployment(workload: Workload) -> Object:
    return {
        "apiVersion": names.API_VERSION,
        "kind": "InferenceDeployment",
        "metadata": {"name": workload.key.name, "namespace": workload.key.namespace},
        "spec": workload.spec.model_dump(mode="json", by_alias=True, exclude_unset=True),
    }
