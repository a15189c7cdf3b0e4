"""The closed vocabularies of the catalog; no facts and no code live here.

Words that users write too are the API's own enums: a chip that is reached as a service only has no engine, MXFP4 and
NVFP4 are both ``FP4``, FP16 is ``BF16``.
"""

from enum import StrEnum

from quartermaster.api.v1alpha1.enums import AcceleratorClass, CapacityType, EngineName, Precision, Support

__all__ = [
    "AcceleratorClass",
    "AcceleratorStatus",
    "CapacityType",
    "EngineName",
    "MetricDialect",
    "Precision",
    "Provider",
    "Support",
]


class AcceleratorStatus(StrEnum):
    """Whether the chip can be had: sold or rented, announced only, or kept by its maker for its own services."""

    GA = "GA"
    ANNOUNCED = "Announced"
    INTERNAL = "Internal"


class MetricDialect(StrEnum):
    """Which names an engine gives to its metrics; ``none`` where they were not read."""

    VLLM = "vllm"
    SGLANG = "sglang"
    TRTLLM = "trtllm"
    NONE = "none"


class Provider(StrEnum):
    """A cloud whose labels, regions and prices the catalog knows."""

    AWS = "aws"
    AZURE = "azure"
    COREWEAVE = "coreweave"
    GCP = "gcp"
    OCI = "oci"
