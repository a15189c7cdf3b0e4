"""The closed vocabularies of the catalog: enums whose values are the strings of the API.

No facts and no code live here.
"""

from enum import StrEnum


class AcceleratorClass(StrEnum):
    """What kind of chip an accelerator is, as users allow and deny them."""

    GPU = "GPU"
    TPU = "TPU"
    INFERENCE_CHIP = "InferenceChip"


class AcceleratorStatus(StrEnum):
    """Whether the chip can be had: sold or rented, announced only, or kept by its maker for its own services."""

    GA = "GA"
    ANNOUNCED = "Announced"
    INTERNAL = "Internal"


class CapacityType(StrEnum):
    """How the provider sells a node; only Spot may be taken away at short notice."""

    ON_DEMAND = "OnDemand"
    SPOT = "Spot"
    RESERVED = "Reserved"


class ConfidentialComputing(StrEnum):
    """Whether the chip can run inside a trusted execution environment; Unknown means that no source was read."""

    SUPPORTED = "Supported"
    UNSUPPORTED = "Unsupported"
    UNKNOWN = "Unknown"


class EngineName(StrEnum):
    """A serving engine, in the spelling of ``spec.serving.engine``."""

    VLLM = "VLLM"
    SGLANG = "SGLang"
    TENSORRT_LLM = "TensorRTLLM"
    VLLM_TPU = "VLLMTPU"
    VLLM_NEURON = "VLLMNeuron"
    VLLM_GAUDI = "VLLMGaudi"
    VLLM_QUALCOMM = "VLLMQualcomm"
    VLLM_ASCEND = "VLLMAscend"
    VLLM_TENSTORRENT = "VLLMTenstorrent"
    FURIOSA_LLM = "FuriosaLLM"
    EXTERNAL = "External"


class MetricDialect(StrEnum):
    """Which names an engine gives to its metrics."""

    VLLM = "vllm"
    SGLANG = "sglang"
    TRTLLM = "trtllm"
    NONE = "none"


class Precision(StrEnum):
    """A number format of weights or arithmetic. MXFP4 and NVFP4 are both fp4, bf16 and fp16 are both bf16."""

    BF16 = "bf16"
    FP8 = "fp8"
    FP4 = "fp4"
    INT8 = "int8"
    INT4 = "int4"


class Provider(StrEnum):
    """A cloud whose labels, regions and prices the catalog knows."""

    AWS = "aws"
    AZURE = "azure"
    COREWEAVE = "coreweave"
    GCP = "gcp"
    OCI = "oci"
