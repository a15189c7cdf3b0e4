"""Nodes are recognised by the labels that each platform puts on them, as its documentation shows them."""

import pytest

from quartermaster.catalog.discovery import Identified, Refused, identify
from quartermaster.catalog.load import load_catalog
from quartermaster.catalog.lookalike import RefusalReason

CATALOG = load_catalog()
GPU, AMD, TPU, NEURON = "nvidia.com/gpu", "amd.com/gpu", "google.com/tpu", "aws.amazon.com/neuron"
PRODUCT = "nvidia.com/gpu.product"
GKE = "cloud.google.com/gke-accelerator"
GKE_TPU = "cloud.google.com/gke-tpu-accelerator"
KARPENTER = "karpenter.k8s.aws/instance-gpu-name"
KARPENTER_MEMORY = "karpenter.k8s.aws/instance-gpu-memory"
KARPENTER_CHIP = "karpenter.k8s.aws/instance-accelerator-name"
INSTANCE = "node.kubernetes.io/instance-type"

KNOWN = [
    ("nvidia-l4", {PRODUCT: "NVIDIA-L4"}, {GPU: 1}),
    ("nvidia-l40s", {PRODUCT: "NVIDIA-L40S"}, {GPU: 8}),
    ("nvidia-h100-sxm", {PRODUCT: "NVIDIA-H100-80GB-HBM3"}, {GPU: 8}),
    ("nvidia-h100-pcie", {PRODUCT: "NVIDIA-H100-PCIe"}, {GPU: 2}),
    ("nvidia-h100-nvl", {PRODUCT: "NVIDIA-H100-NVL"}, {GPU: 2}),
    ("nvidia-h200-sxm", {PRODUCT: "NVIDIA-H200"}, {GPU: 8}),
    ("nvidia-h200-nvl", {PRODUCT: "NVIDIA-H200-NVL"}, {GPU: 4}),
    ("nvidia-h20", {PRODUCT: "NVIDIA-H20"}, {GPU: 8}),
    ("nvidia-b300", {PRODUCT: "NVIDIA-B300-SXM6-AC"}, {GPU: 8}),
    ("nvidia-gb300", {PRODUCT: "NVIDIA-GB300"}, {GPU: 4}),
    ("nvidia-gb10", {PRODUCT: "NVIDIA-GB10"}, {GPU: 1}),
    ("nvidia-a100-sxm-40", {GKE: "nvidia-tesla-a100", INSTANCE: "a2-highgpu-8g"}, {GPU: 8}),
    ("nvidia-a100-sxm-80", {GKE: "nvidia-a100-80gb"}, {GPU: 8}),
    ("nvidia-h100-sxm", {GKE: "nvidia-h100-mega-80gb", INSTANCE: "a3-megagpu-8g"}, {GPU: 8}),
    ("nvidia-rtx-pro-6000-bse", {GKE: "nvidia-rtx-pro-6000", INSTANCE: "g4-standard-384"}, {GPU: 8}),
    ("nvidia-a100-sxm-40", {KARPENTER: "a100", KARPENTER_MEMORY: "40960", INSTANCE: "p4d.24xlarge"}, {GPU: 8}),
    ("nvidia-a100-sxm-80", {KARPENTER: "a100", KARPENTER_MEMORY: "81920", INSTANCE: "p4de.24xlarge"}, {GPU: 8}),
    ("nvidia-l4", {KARPENTER: "l4", INSTANCE: "gr6.4xlarge"}, {GPU: 1}),
    ("nvidia-b200", {INSTANCE: "p6-b200.48xlarge"}, {GPU: 8}),
    ("nvidia-h100-sxm", {INSTANCE: "Standard_ND96isr_H100_v5", "kubernetes.azure.com/accelerator": "nvidia"}, {GPU: 8}),
    ("nvidia-h100-nvl", {INSTANCE: "Standard_NCC40ads_H100_v5"}, {GPU: 1}),
    ("nvidia-gb200", {INSTANCE: "Standard_ND128isr_NDR_GB200_v6"}, {GPU: 4}),
    ("amd-mi300x", {INSTANCE: "Standard_ND96isr_MI300X_v5"}, {AMD: 8}),
    ("amd-mi300x", {"amd.com/gpu.device-id": "74a1", "amd.com/gpu.product-name": "AMD_Instinct_MI300X_OAM"}, {AMD: 8}),
    ("amd-mi300x", {"beta.amd.com/gpu.device-id.74a1": "8", "beta.amd.com/gpu.device-id": "74a1"}, {AMD: 8}),
    ("amd-mi308x", {"amd.com/gpu.device-id": "74a2"}, {AMD: 8}),
    ("amd-mi325x", {"amd.com/gpu.device-id": "74a5"}, {AMD: 8}),
    ("amd-mi355x", {"amd.com/gpu.product-name": "AMD_Instinct_MI355X"}, {AMD: 8}),
    ("google-tpu-v4", {GKE_TPU: "tpu-v4-podslice", "cloud.google.com/gke-tpu-topology": "2x2x1"}, {TPU: 4}),
    ("google-tpu-v5e", {GKE_TPU: "tpu-v5-lite-podslice", "cloud.google.com/gke-tpu-topology": "2x4"}, {TPU: 8}),
    ("google-tpu-v5e", {GKE_TPU: "tpu-v5-lite-device"}, {TPU: 1}),
    ("google-tpu-v5p", {GKE_TPU: "tpu-v5p-slice", "cloud.google.com/gke-tpu-topology": "8x8x16"}, {TPU: 4}),
    ("google-tpu-v6e", {GKE_TPU: "tpu-v6e-slice", INSTANCE: "ct6e-standard-4t"}, {TPU: 4}),
    ("google-tpu7x", {GKE_TPU: "tpu7x"}, {TPU: 4}),
    ("aws-inferentia2", {KARPENTER_CHIP: "inferentia2", INSTANCE: "inf2.48xlarge"}, {NEURON: 12}),
    ("aws-trainium1", {INSTANCE: "trn1n.32xlarge"}, {NEURON: 16, "aws.amazon.com/neuroncore": 32}),
    ("aws-trainium2", {KARPENTER_CHIP: "trainium2"}, {NEURON: 16}),
    ("intel-gaudi2", {"feature.node.kubernetes.io/pci-1200_1da3_1020.present": "true"}, {"habana.ai/gaudi": 8}),
    (
        "intel-gaudi3",
        {
            "intel.feature.node.kubernetes.io/gaudi": "true",
            "feature.node.kubernetes.io/pci-1200_1da3_1060.present": "true",
        },
        {"habana.ai/gaudi": 8},
    ),
    ("furiosa-rngd", {"furiosa.ai/npu.product": "rngd"}, {"furiosa.ai/rngd": 4}),
    ("qualcomm-ai100-ultra", {"feature.node.kubernetes.io/pci-17cb.present": "true"}, {"qualcomm.com/qaic": 4}),
    (
        "huawei-ascend-910c",
        {"accelerator": "huawei-Ascend910", "accelerator-type": "module-910c-16"},
        {"huawei.com/Ascend910": 16},
    ),
]


@pytest.mark.parametrize(("name", "labels", "capacity"), KNOWN, ids=lambda value: str(value)[:60])
def test_a_node_is_recognised_by_the_labels_of_its_platform(
    name: str, labels: dict[str, str], capacity: dict[str, int]
) -> None:
    """Labels as GKE, Karpenter, AKS and the vendors' feature discovery write them."""
    found = identify(labels, capacity)
    assert isinstance(found, Identified), found
    assert found.accelerator.name == name
    assert found.resource_name == found.accelerator.resource_name
    assert found.chips == capacity[found.resource_name]
    assert found.witnesses


def test_a_node_without_accelerators_is_none() -> None:
    """Most nodes of a cluster carry none: nothing is said about them."""
    assert identify({INSTANCE: "m7i.4xlarge", "kubernetes.io/arch": "amd64"}, {}) is None
    assert identify({}, {"hugepages-2Mi": 4}) is None


def test_a_chip_whose_resource_is_its_own_needs_no_label() -> None:
    """furiosa.ai/rngd can only be an RNGD."""
    found = identify({}, {"furiosa.ai/rngd": 8})
    assert isinstance(found, Identified)
    assert (found.accelerator.name, found.chips) == ("furiosa-rngd", 8)


def test_a_device_plugin_that_has_not_reported_leaves_no_chips() -> None:
    """The node is known, and nothing can be placed on it yet."""
    found = identify({PRODUCT: "NVIDIA-L4"}, {})
    assert isinstance(found, Identified)
    assert found.chips == 0


def test_an_older_name_of_the_resource_is_kept() -> None:
    """Pods must ask for the name that the node offers."""
    found = identify({INSTANCE: "inf2.xlarge"}, {"aws.amazon.com/neurondevice": 1})
    assert isinstance(found, Identified)
    assert (found.resource_name, found.chips) == ("aws.amazon.com/neurondevice", 1)


def test_a_witness_without_a_source_does_not_verify() -> None:
    """The node is recognised, and the doubt can be shown."""
    doubtful = identify({"feature.node.kubernetes.io/pci-17cb.present": "true"}, {"qualcomm.com/qaic": 4})
    sure = identify({PRODUCT: "NVIDIA-L4"}, {GPU: 1})
    assert isinstance(doubtful, Identified)
    assert isinstance(sure, Identified)
    assert (doubtful.is_verified, sure.is_verified) == (False, True)


REFUSED = [
    (RefusalReason.PARTITIONED, {PRODUCT: "NVIDIA-A100-SXM4-40GB-MIG-1g.5gb"}, {GPU: 56}),
    (RefusalReason.PARTITIONED, {PRODUCT: "NVIDIA-H100-80GB-HBM3"}, {"nvidia.com/mig-1g.10gb": 7}),
    (
        RefusalReason.PARTITIONED,
        {GKE: "nvidia-h100-80gb", "cloud.google.com/gke-gpu-partition-size": "1g.10gb"},
        {GPU: 7},
    ),
    (RefusalReason.SHARED, {PRODUCT: "NVIDIA-L4-SHARED"}, {GPU: 10}),
    (RefusalReason.SHARED, {PRODUCT: "NVIDIA-L4", "nvidia.com/gpu.sharing-strategy": "mps"}, {GPU: 4}),
    (RefusalReason.SHARED, {PRODUCT: "NVIDIA-L4", "nvidia.com/gpu.replicas": "4"}, {GPU: 4}),
    (RefusalReason.SHARED, {PRODUCT: "NVIDIA-L4"}, {"nvidia.com/gpu.shared": 4}),
    (RefusalReason.SHARED, {GKE: "nvidia-l4", "cloud.google.com/gke-max-shared-clients-per-gpu": "8"}, {GPU: 8}),
    (RefusalReason.PARTITIONED, {"amd.com/gpu.device-id": "74a1"}, {"amd.com/cpx_nps4": 64}),
    (RefusalReason.PARTITIONED, {"amd.com/gpu.device-id": "74a1"}, {AMD: 64}),
    (
        RefusalReason.PARTITIONED,
        {"amd.com/gpu.device-id": "74a1", "amd.com/compute-memory-partition": "dpx_nps1"},
        {AMD: 8},
    ),
    (RefusalReason.PARTITIONED, {"furiosa.ai/npu.product": "rngd"}, {"furiosa.ai/rngd-2core.12gb": 16}),
    (RefusalReason.PARTITIONED, {INSTANCE: "g6f.4xlarge", KARPENTER: "l4"}, {GPU: 1}),
    (RefusalReason.PARTITIONED, {INSTANCE: "g4-standard-12", GKE: "nvidia-rtx-pro-6000"}, {GPU: 1}),
    (RefusalReason.PARTITIONED, {INSTANCE: "Standard_NC16lds_xl_RTXPRO6000BSE_v6"}, {GPU: 1}),
    (RefusalReason.UNKNOWN, {INSTANCE: "dl2q.24xlarge", KARPENTER_CHIP: "qualcomm-ai100"}, {}),
    (RefusalReason.UNKNOWN, {KARPENTER_CHIP: "inferentia", INSTANCE: "inf1.xlarge"}, {NEURON: 1}),
    (RefusalReason.UNKNOWN, {PRODUCT: "NVIDIA-A100-PCIE-40GB"}, {GPU: 4}),
    (RefusalReason.UNKNOWN, {PRODUCT: "Tesla-T4"}, {GPU: 1}),
    (RefusalReason.UNKNOWN, {KARPENTER: "a100", KARPENTER_MEMORY: "99999"}, {GPU: 8}),
    (RefusalReason.UNLABELLED, {}, {GPU: 8}),
    (RefusalReason.AMBIGUOUS, {"intel.feature.node.kubernetes.io/gaudi": "true"}, {"habana.ai/gaudi": 8}),
    (RefusalReason.CONTRADICTORY, {PRODUCT: "NVIDIA-L4", INSTANCE: "p5.48xlarge"}, {GPU: 8}),
    (RefusalReason.CONTRADICTORY, {PRODUCT: "NVIDIA-L4"}, {AMD: 8}),
    (RefusalReason.NO_RESOURCE, {"feature.node.kubernetes.io/pci-1200_1e52.present": "true"}, {}),
]


@pytest.mark.parametrize(("reason", "labels", "capacity"), REFUSED, ids=lambda value: str(value)[:60])
def test_a_node_that_is_not_whole_or_not_clear_is_refused_with_reason_and_remedy(
    reason: RefusalReason, labels: dict[str, str], capacity: dict[str, int]
) -> None:
    """A part counted as a chip, or a wrong chip, would break every fit on that node."""
    found = identify(labels, capacity)
    assert isinstance(found, Refused), found
    assert found.reason is reason
    assert len(found.message) > 20
    assert len(found.remedy) > 20


def test_undivided_gpus_of_a_mixed_mig_node_are_whole() -> None:
    """In strategy mixed, nvidia.com/gpu counts only GPUs without MIG."""
    labels = {PRODUCT: "NVIDIA-H100-80GB-HBM3", "nvidia.com/mig.strategy": "mixed"}
    found = identify(labels, {GPU: 6, "nvidia.com/mig-1g.10gb": 14})
    assert isinstance(found, Identified)
    assert found.chips == 6


def test_an_ambiguous_node_names_its_candidates() -> None:
    """The person who writes the AcceleratorPool chooses among them."""
    found = identify({"intel.feature.node.kubernetes.io/gaudi": "true"}, {"habana.ai/gaudi": 8})
    assert isinstance(found, Refused)
    assert found.candidates == ("intel-gaudi2", "intel-gaudi3")
    assert "AcceleratorPool" in found.remedy


def test_a_contradiction_repeats_what_each_label_says() -> None:
    """The message shows both sides."""
    found = identify({PRODUCT: "NVIDIA-L4", INSTANCE: "p5.48xlarge"}, {GPU: 8})
    assert isinstance(found, Refused)
    assert "nvidia.com/gpu.product=NVIDIA-L4 says nvidia-l4" in found.message
    assert "p5.48xlarge says nvidia-h100-sxm" in found.message


def test_an_unknown_word_of_the_device_is_not_overruled_by_the_instance_type() -> None:
    """What the device reports outranks what its machine is called; the other way round nothing is lost."""
    swapped = identify({PRODUCT: "NVIDIA-H300", INSTANCE: "p5.48xlarge"}, {GPU: 8})
    assert isinstance(swapped, Refused)
    assert swapped.reason is RefusalReason.UNKNOWN
    respelt = identify({PRODUCT: "NVIDIA-L4", KARPENTER: "l4-respelt"}, {GPU: 1})
    assert isinstance(respelt, Identified)


def test_prefixes_of_product_names_do_not_match_longer_names() -> None:
    """L4 is not L40S, H20 is not H200, H200 is not H200 NVL."""
    for product in ("NVIDIA-L4", "NVIDIA-L40S", "NVIDIA-H20", "NVIDIA-H200", "NVIDIA-H200-NVL"):
        found = identify({PRODUCT: product}, {GPU: 1})
        assert isinstance(found, Identified)
        assert len(found.witnesses[0].accelerators) == 1
