"""How platforms say that what a node offers is less than a whole chip. A part counted as a chip would break every fit.

Sources: NVIDIA/k8s-device-plugin docs (suffixes of gpu.product, gpu.replicas, gpu.sharing-strategy, gpu.shared),
2026-08-19; GKE GPU sharing docs (gke-gpu-partition-size, gke-gpu-sharing-strategy, gke-max-shared-clients-per-gpu),
2026-11-21; ROCm/k8s-device-plugin docs (compute-memory-partition, amd.com/cpx_nps4), 2026-08-11; FuriosaAI device
plugin docs (rngd-2core.12gb), 2026-11-21; Project-HAMi device-configmap.yaml (huawei.com/Ascend910B3), 2026-08-21.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from quartermaster.catalog.lookalike import RefusalReason

GPU_PRODUCT = "nvidia.com/gpu.product"
WHOLE_AMD_PARTITION = "spx_nps1"
MOST_AMD_CHIPS_PER_NODE = 8

PARTITION_RESOURCES = (
    (re.compile(r"amd\.com/[a-z]+_nps\d"), "amd.com/gpu", RefusalReason.PARTITIONED),
    (re.compile(r"furiosa\.ai/[a-z]+-\d+core.*"), "furiosa.ai/rngd", RefusalReason.PARTITIONED),
    (re.compile(r"huawei\.com/Ascend910[A-Z]\w*"), "huawei.com/Ascend910", RefusalReason.SHARED),
    (re.compile(r"nvidia\.com/gpu\.shared"), "nvidia.com/gpu", RefusalReason.SHARED),
    (re.compile(r"nvidia\.com/mig-.+"), "nvidia.com/gpu", RefusalReason.PARTITIONED),
)
"""Resources that count less than a chip, and the one that counts whole chips: where that is offered too, it is used."""


class Sharing(NamedTuple):
    """What a node says about sharing its chips, and where it says so."""

    reason: RefusalReason
    witness: str


def sharing_of(labels: Mapping[str, str], capacity: Mapping[str, int]) -> Sharing | None:
    """Return how the node divides its chips, or None when nothing says that it does.

    A node in MIG strategy ``mixed`` offers its undivided GPUs as ``nvidia.com/gpu``: those are whole.
    """
    return _said_by_labels(labels) or _said_by_resources(capacity)


def _said_by_labels(labels: Mapping[str, str]) -> Sharing | None:
    product = labels.get(GPU_PRODUCT, "")
    if "-MIG-" in product:
        return Sharing(RefusalReason.PARTITIONED, f"{GPU_PRODUCT}={product}")
    if product.endswith("-SHARED"):
        return Sharing(RefusalReason.SHARED, f"{GPU_PRODUCT}={product}")
    for label, undivided, reason in (
        ("nvidia.com/gpu.sharing-strategy", {"none"}, RefusalReason.SHARED),
        ("nvidia.com/gpu.replicas", {"0", "1"}, RefusalReason.SHARED),
        ("cloud.google.com/gke-gpu-partition-size", set[str](), RefusalReason.PARTITIONED),
        ("cloud.google.com/gke-gpu-sharing-strategy", set[str](), RefusalReason.SHARED),
        ("cloud.google.com/gke-max-shared-clients-per-gpu", {"1"}, RefusalReason.SHARED),
        ("amd.com/compute-memory-partition", {WHOLE_AMD_PARTITION}, RefusalReason.PARTITIONED),
        ("amd.com/gpu.compute-memory-partition", {WHOLE_AMD_PARTITION}, RefusalReason.PARTITIONED),
    ):
        value = labels.get(label)
        if value and value not in undivided:
            return Sharing(reason, f"{label}={value}")
    return None


def _said_by_resources(capacity: Mapping[str, int]) -> Sharing | None:
    if capacity.get("amd.com/gpu", 0) > MOST_AMD_CHIPS_PER_NODE:
        return Sharing(RefusalReason.PARTITIONED, f"amd.com/gpu={capacity['amd.com/gpu']} where a node holds at most 8")
    for resource, count in sorted(capacity.items()):
        for pattern, whole, reason in PARTITION_RESOURCES:
            if count > 0 and capacity.get(whole, 0) <= 0 and pattern.fullmatch(resource):
                return Sharing(reason, f"{resource}={count}")
    return None
