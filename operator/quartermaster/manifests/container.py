"""The serving container: image, arguments, resources, probes, security. Its pod is built in ``deployment``."""

import math
from typing import Any, Final

from quartermaster.api.names import SERVING_PORT
from quartermaster.api.v1alpha1.arguments import EnvironmentVariable
from quartermaster.manifests.engines import Launch
from quartermaster.manifests.replica import Replica
from quartermaster.manifests.weights import weights_mounts, weights_volumes

CONTAINER_NAME: Final = "engine"
PORT_NAME: Final = "http"
CACHE_PATH: Final = "/cache"

DRAIN_SECONDS: Final = 30
"""Sleep before the engine is told to stop: endpoints drop first, and short answers end."""
GRACE_SECONDS: Final = 300
"""Longest time from deletion to the kill, the sleep included: long answers end."""

_FIRST_ANSWER_SECONDS: Final = 600
"""Start-up besides weights: image layers, process start, memory profiling, graph capture."""
_SLOWEST_WEIGHTS_BYTES_PER_SECOND: Final = 100_000_000
"""A cold download below 100 MB/s counts as failed; a start is cut off only when nothing good can come of it."""
_STARTUP_PERIOD_SECONDS: Final = 10

_BASE_MEMORY_GIB: Final = 4
_MEMORY_GIB_PER_CHIP: Final = 4
_BASE_CPUS: Final = 1
_CPUS_PER_CHIP: Final = 1
_SHARED_MEMORY_GIB_PER_CHIP: Final = 2
"""Requests of the host: small on purpose. The smallest nodes with one chip have 4 CPUs and 16 GiB (g6.xlarge,
inf2.xlarge), chips are what is scarce, and the page cache of the weights may use what is left. No limits: a throttled
engine starves its chips.
"""

_ENVIRONMENT: Final = (
    ("HOME", CACHE_PATH),
    ("USER", "quartermaster"),  # PyTorch asks for the user's name, which a bare uid has not
    ("HF_HOME", f"{CACHE_PATH}/huggingface"),
    ("XDG_CACHE_HOME", CACHE_PATH),
    ("TORCHINDUCTOR_CACHE_DIR", f"{CACHE_PATH}/torchinductor"),
    ("TRITON_CACHE_DIR", f"{CACHE_PATH}/triton"),
)


def serving_container(replica: Replica, launch: Launch) -> dict[str, Any]:
    """Return the container that serves one replica."""
    return {
        "name": CONTAINER_NAME,
        "image": replica.image,
        "imagePullPolicy": "IfNotPresent",
        **({"command": list(launch.command)} if launch.command else {}),
        "args": list(launch.args),
        "env": _environment(replica, launch),
        "ports": [{"name": PORT_NAME, "containerPort": SERVING_PORT, "protocol": "TCP"}],
        "resources": _resources(replica),
        "volumeMounts": [
            {"name": "cache", "mountPath": CACHE_PATH},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a mount point inside the container
            {"name": "shared-memory", "mountPath": "/dev/shm"},  # noqa: S108 - as above
            *weights_mounts(replica.workload),
        ],
        "startupProbe": {
            **_probe(launch, period_seconds=_STARTUP_PERIOD_SECONDS),
            "failureThreshold": math.ceil(startup_seconds(replica, launch) / _STARTUP_PERIOD_SECONDS),
        },
        "readinessProbe": {**_probe(launch, period_seconds=5), "failureThreshold": 3},
        "livenessProbe": {**_probe(launch, period_seconds=10), "failureThreshold": 6},
        "lifecycle": {"preStop": {"sleep": {"seconds": DRAIN_SECONDS}}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": launch.is_root_read_only,
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def insist_on_container(replica: Replica) -> None:
    """Refuse what ``serving_container`` refuses.

    Raises:
        ManifestError: there is no image, or no resource to ask for, or the replica does not sit in one host.
    """
    if replica.image:
        _resources(replica)


def serving_volumes(replica: Replica) -> list[dict[str, Any]]:
    """Return the volumes that the container mounts: caches, scratch space, shared memory, weights."""
    shared_memory_gib = _SHARED_MEMORY_GIB_PER_CHIP * replica.chips
    return [
        {"name": "cache", "emptyDir": {}},
        {"name": "tmp", "emptyDir": {}},
        {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": f"{shared_memory_gib}Gi"}},
        *weights_volumes(replica.workload),
    ]


def startup_seconds(replica: Replica, launch: Launch) -> int:
    """Return the longest time from the start of the container to its first healthy answer."""
    weights_bytes = replica.workload.model.weights_bytes(replica.shape.precision)
    loading_seconds = math.ceil(weights_bytes / _SLOWEST_WEIGHTS_BYTES_PER_SECOND)
    return _FIRST_ANSWER_SECONDS + loading_seconds + launch.compile_seconds


def _resources(replica: Replica) -> dict[str, dict[str, str]]:
    chips = {replica.resource_name: str(replica.chips)}
    return {
        "requests": {
            "cpu": str(_BASE_CPUS + _CPUS_PER_CHIP * replica.chips),
            "memory": f"{_BASE_MEMORY_GIB + _MEMORY_GIB_PER_CHIP * replica.chips}Gi",
            **chips,
        },
        "limits": chips,
    }


def _environment(replica: Replica, launch: Launch) -> list[dict[str, Any]]:
    """Return our variables and the engine's, then those of the overlay that do not bear the same name."""
    ours = dict(_ENVIRONMENT) | dict(launch.environment)
    added = [v for v in replica.workload.spec.serving.overlay.environment if v.name not in ours]
    return [{"name": name, "value": value} for name, value in ours.items()] + [_variable(v) for v in added]


def _variable(variable: EnvironmentVariable) -> dict[str, Any]:
    if variable.secret_name is None:
        return {"name": variable.name, "value": variable.value or ""}
    reference = {"name": variable.secret_name, "key": variable.secret_key}
    return {"name": variable.name, "valueFrom": {"secretKeyRef": reference}}


def _probe(launch: Launch, *, period_seconds: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": launch.health_path, "port": PORT_NAME},
        "periodSeconds": period_seconds,
        "timeoutSeconds": 5,
    }
