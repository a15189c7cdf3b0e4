"""The machines that clouds and vendors put chips in: sizes that the fleet builders give to nodes. Data and one look-up.

Sizes of EKS machines from Karpenter's instance types (2026-08-21), of the others from the providers' machine pages; the
laboratory needs them to be plausible, not exact.
"""

from typing import NamedTuple


class Machine(NamedTuple):
    """One machine type, or one kind of server where ``instance`` is empty."""

    instance: str
    chips: int
    cpus: int
    memory_gibibytes: int


MACHINES: dict[tuple[str, str], tuple[Machine, ...]] = {
    ("eks", "nvidia-l4"): (
        Machine("g6.12xlarge", 4, 48, 192),
        Machine("g6.48xlarge", 8, 192, 768),
        Machine("g6.2xlarge", 1, 8, 32),
    ),
    ("eks", "nvidia-l40s"): (Machine("g6e.48xlarge", 8, 192, 1536), Machine("g6e.12xlarge", 4, 48, 384)),
    ("eks", "nvidia-a100-sxm-40"): (Machine("p4d.24xlarge", 8, 96, 1152),),
    ("eks", "nvidia-a100-sxm-80"): (Machine("p4de.24xlarge", 8, 96, 1152),),
    ("eks", "nvidia-h100-sxm"): (Machine("p5.48xlarge", 8, 192, 2048), Machine("p5.4xlarge", 1, 16, 256)),
    ("eks", "nvidia-h200-sxm"): (Machine("p5en.48xlarge", 8, 192, 2048),),
    ("eks", "nvidia-b200"): (Machine("p6-b200.48xlarge", 8, 192, 2048),),
    ("eks", "nvidia-b300"): (Machine("p6-b300.48xlarge", 8, 192, 4096),),
    ("eks", "nvidia-gb200"): (Machine("p6e-gb200.36xlarge", 4, 144, 960),),
    ("eks", "nvidia-rtx-pro-6000-bse"): (Machine("g7e.48xlarge", 8, 192, 2048), Machine("g7e.2xlarge", 1, 8, 64)),
    ("eks", "aws-inferentia2"): (
        Machine("inf2.48xlarge", 12, 192, 768),
        Machine("inf2.24xlarge", 6, 96, 384),
        Machine("inf2.xlarge", 1, 4, 16),
    ),
    ("eks", "aws-trainium1"): (Machine("trn1.32xlarge", 16, 128, 512), Machine("trn1.2xlarge", 1, 8, 32)),
    ("eks", "aws-trainium2"): (Machine("trn2.48xlarge", 16, 192, 2048),),
    ("eks", "aws-trainium3"): (Machine("trn3.48xlarge", 16, 192, 2048),),
    ("gke", "nvidia-l4"): (
        Machine("g2-standard-48", 4, 48, 192),
        Machine("g2-standard-96", 8, 96, 384),
        Machine("g2-standard-24", 2, 24, 96),
        Machine("g2-standard-12", 1, 12, 48),
    ),
    ("gke", "nvidia-a100-sxm-40"): (Machine("a2-highgpu-8g", 8, 96, 680), Machine("a2-highgpu-1g", 1, 12, 85)),
    ("gke", "nvidia-a100-sxm-80"): (Machine("a2-ultragpu-8g", 8, 96, 1360), Machine("a2-ultragpu-1g", 1, 12, 170)),
    ("gke", "nvidia-h100-sxm"): (Machine("a3-highgpu-8g", 8, 208, 1872), Machine("a3-highgpu-1g", 1, 26, 234)),
    ("gke", "nvidia-h200-sxm"): (Machine("a3-ultragpu-8g", 8, 224, 2952),),
    ("gke", "nvidia-b200"): (Machine("a4-highgpu-8g", 8, 224, 3968),),
    ("gke", "nvidia-gb200"): (Machine("a4x-highgpu-4g", 4, 140, 884),),
    ("gke", "nvidia-gb300"): (Machine("a4x-maxgpu-4g-metal", 4, 144, 960),),
    ("gke", "nvidia-rtx-pro-6000-bse"): (
        Machine("g4-standard-384", 8, 384, 1440),
        Machine("g4-standard-48", 1, 48, 180),
    ),
    ("gke", "google-tpu-v4"): (Machine("ct4p-hightpu-4t", 4, 240, 407),),
    ("gke", "google-tpu-v5e"): (
        Machine("ct5lp-hightpu-8t", 8, 224, 400),
        Machine("ct5lp-hightpu-4t", 4, 112, 192),
        Machine("ct5lp-hightpu-1t", 1, 24, 48),
    ),
    ("gke", "google-tpu-v5p"): (Machine("ct5p-hightpu-4t", 4, 208, 448), Machine("ct5p-hightpu-1t", 1, 52, 112)),
    ("gke", "google-tpu-v6e"): (
        Machine("ct6e-standard-8t", 8, 180, 1440),
        Machine("ct6e-standard-4t", 4, 180, 720),
        Machine("ct6e-standard-1t", 1, 44, 176),
    ),
    ("gke", "google-tpu7x"): (Machine("tpu7x-standard-4t", 4, 224, 960), Machine("tpu7x-standard-1t", 1, 56, 240)),
    ("aks", "nvidia-a100-sxm-80"): (Machine("Standard_ND96amsr_A100_v4", 8, 96, 1900),),
    ("aks", "nvidia-a100-pcie-80"): (
        Machine("Standard_NC96ads_A100_v4", 4, 96, 880),
        Machine("Standard_NC24ads_A100_v4", 1, 24, 220),
    ),
    ("aks", "nvidia-h100-sxm"): (Machine("Standard_ND96isr_H100_v5", 8, 96, 1900),),
    ("aks", "nvidia-h100-nvl"): (
        Machine("Standard_NC40ads_H100_v5", 1, 40, 320),
        Machine("Standard_NC80adis_H100_v5", 2, 80, 640),
    ),
    ("aks", "nvidia-h200-sxm"): (Machine("Standard_ND96isr_H200_v5", 8, 96, 1850),),
    ("aks", "nvidia-gb200"): (Machine("Standard_ND128isr_NDR_GB200_v6", 4, 128, 900),),
    ("aks", "nvidia-rtx-pro-6000-bse"): (Machine("Standard_NC128ds_xl_RTXPRO6000BSE_v6", 1, 128, 512),),
    ("aks", "amd-mi300x"): (Machine("Standard_ND96isr_MI300X_v5", 8, 96, 1850),),
}
"""Platform and accelerator → machine types, the usual one first."""

SERVER = Machine("", 8, 128, 1024)
"""A server of one's own."""

EDGE_SERVER = Machine("", 1, 12, 64)
"""A small machine at the edge."""


def machine_for(platform: str, accelerator: str, chips: int | None) -> Machine | None:
    """Return the machine type with this many chips (the usual one where the number is open), or None."""
    machines = MACHINES.get((platform, accelerator), ())
    return next((machine for machine in machines if chips in {None, machine.chips}), None)
