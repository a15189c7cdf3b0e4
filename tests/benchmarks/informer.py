"""How long the informer takes to list and cache many pods of a real API server, and how much memory.

`python -m tests.benchmarks.informer [--pods 10000]` starts a cluster of its own, creates the pods with a status as a
kubelet writes it, and measures in a fresh process for each way of listing. Results are kept in `RESULTS.md`.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from quartermaster.cluster import resources, trim
from quartermaster.cluster.call import MERGE_PATCH, Call, Limits
from quartermaster.cluster.client import Client
from quartermaster.cluster.credentials import Source
from quartermaster.cluster.informer import Informer
from tests.lab.cluster import Cluster, Options

MIB = 1024 * 1024
PODS_PER_NODE = 8
WAYS = ("stream", "pages")


def pod(number: int) -> dict[str, Any]:
    """A pod like those of a model server: two containers, some environment, volumes, probes, one device."""
    probe = {"httpGet": {"path": "/health", "port": 8000}, "periodSeconds": 10, "failureThreshold": 3}
    server = {
        "name": "server",
        "image": "registry.example/vllm/vllm-openai:v0.11.0",
        "args": ["--model", "meta-llama/Llama-3.1-8B-Instruct", "--tensor-parallel-size", "1", "--port", "8000"],
        "env": [{"name": f"SETTING_{index}", "value": f"value-{index}"} for index in range(8)],
        "ports": [{"name": "http", "containerPort": 8000}],
        "resources": {"limits": {"nvidia.com/gpu": "1", "memory": "32Gi"}, "requests": {"cpu": "4"}},
        "readinessProbe": probe,
        "livenessProbe": probe,
        "volumeMounts": [{"name": "cache", "mountPath": "/cache"}, {"name": "shm", "mountPath": "/scratch"}],
    }
    agent = {"name": "agent", "image": "registry.example/agent:1.0", "resources": {"requests": {"cpu": "100m"}}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"model-{number // 100:03d}-7d9c5b8f6d-{number:05d}",
            "namespace": "default",
            "labels": {
                "app.kubernetes.io/name": "model",
                "app.kubernetes.io/managed-by": "quartermaster",
                "quartermaster.dev/deployment": f"model-{number // 100:03d}",
                "pod-template-hash": "7d9c5b8f6d",
            },
        },
        "spec": {
            "nodeName": f"gpu-node-{number // PODS_PER_NODE:05d}",
            "containers": [server, agent],
            "volumes": [{"name": "cache", "emptyDir": {}}, {"name": "shm", "emptyDir": {"medium": "Memory"}}],
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        },
    }


def status(number: int) -> dict[str, Any]:
    """The status of a pod that runs, as a kubelet writes it."""
    moment = "2026-11-21T10:00:00Z"
    conditions = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    containers = [
        {
            "name": name,
            "image": image,
            "imageID": f"{image}@sha256:{number:064x}",
            "containerID": f"containerd://{number:064x}",
            "ready": True,
            "started": True,
            "restartCount": 0,
            "state": {"running": {"startedAt": moment}},
        }
        for name, image in (
            ("server", "registry.example/vllm/vllm-openai:v0.11.0"),
            ("agent", "registry.example/agent:1.0"),
        )
    ]
    address = f"127.64.{number // 250}.{number % 250 + 1}"
    return {
        "phase": "Running",
        "conditions": [{"type": kind, "status": "True", "lastTransitionTime": moment} for kind in conditions],
        "hostIP": "127.0.0.1",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": moment,
        "containerStatuses": containers,
    }


async def fill(kubeconfig: Path, pods: int) -> float:
    """Create the pods; returns the writes per second."""
    began = time.monotonic()
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "default"}}
    accounts = resources.Resource("", "v1", "serviceaccounts", "ServiceAccount")
    async with Client(Source(kubeconfig=str(kubeconfig)), limits=Limits(concurrency=32)) as client:
        await client.create(accounts, account)

        async def create(number: int) -> None:
            document = pod(number)
            await client.create(resources.PODS, document)
            path = resources.PODS.path("default", document["metadata"]["name"], subresource="status")
            body = {"status": status(number)}
            await client.send(Call("patch", "PATCH", path, "pods", body=body, content_type=MERGE_PATCH))

        for start in range(0, pods, 500):
            await asyncio.gather(*(create(number) for number in range(start, min(start + 500, pods))))
    return 2 * pods / (time.monotonic() - began)


async def measure(kubeconfig: str, way: str) -> dict[str, float]:
    """List and cache all pods once, in this process."""
    async with Client(Source(kubeconfig=kubeconfig)) as client:
        await client.get(resources.NAMESPACES, None, "default")
        informer = Informer(client, resources.PODS, trim.pod("local"))
        informer._can_stream_list = way == "stream"
        base = resident_bytes()
        began, began_cpu = time.monotonic(), time.process_time()
        task = asyncio.create_task(informer.run())
        await informer.synced.wait()
        seconds, cpu_seconds = time.monotonic() - began, time.process_time() - began_cpu
        task.cancel()
        peak = peak_bytes()
        return {
            "pods": len(informer.store),
            "seconds": round(seconds, 2),
            "cpu_seconds": round(cpu_seconds, 2),
            "base_mib": round(base / MIB, 1),
            "over_base_mib": round((resident_bytes() - base) / MIB, 1),
            "peak_over_base_mib": round((peak - base) / MIB, 1),
        }


def resident_bytes() -> int:
    """The memory of this process that is in RAM now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def peak_bytes() -> int:
    """The most memory that this process ever had in RAM (`getrusage` would count its parent's, too)."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def main() -> None:
    """Run the benchmark, or, with `--measure`, the part of it that needs a fresh process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pods", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--measure", nargs=2, metavar=("KUBECONFIG", "WAY"))
    arguments = parser.parse_args()
    if arguments.measure:
        sys.stdout.write(json.dumps(asyncio.run(measure(*arguments.measure))))
        return
    without = frozenset({"kube-controller-manager", "kube-scheduler", "kwok"})
    with Cluster.start(Options(without=without)) as cluster:
        rate = asyncio.run(fill(cluster.kubeconfig(), arguments.pods))
        sys.stdout.write(f"created {arguments.pods} pods with status, {rate:.0f} writes/s\n")
        for way in WAYS:
            for _ in range(arguments.repeat):
                command = [
                    sys.executable,
                    "-m",
                    "tests.benchmarks.informer",
                    "--measure",
                    str(cluster.kubeconfig()),
                    way,
                ]
                answer = subprocess.run(  # noqa: S603  # this very program
                    command, check=True, capture_output=True, text=True
                )
                sys.stdout.write(f"{way}: {answer.stdout}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
