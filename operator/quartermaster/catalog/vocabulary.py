"""The closed vocabularies of the catalog. Words that users write are the API's own enums; no facts and no code live here.

``Precision`` values are written as the API writes them (``BF16``, ``FP8``, ...); MXFP4 and NVFP4 are both FP4, FP16 is BF16.
A chip that is reached as a service only has no engine.
"""

from enum import StrEnum

from quartermaster.api.v1alpha1.enums import AcceleratorClass as AcceleratorClass
from quartermaster.api.v1alpha1.enums import CapacityType as CapacityType
from quartermaster.api.v1alpha1.enums import EngineName as EngineName
from quartermaster.api.v1alpha1.enums import Precision as Precision
from quartermaster.api.v1alpha1.enums import Support as ConfidentialComputing


class AcceleratorStatus(StrEnum):
    """Whether the chip can be had: sold or rented, announced only, or kept by its maker for its own services."""

    GA = "GA"
    ANNOUNCED = "Announced"
    INTERNAL = "Internal"


class MetricDialect(StrEnum):
    """Which names an engine gives to its metrics."""

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
