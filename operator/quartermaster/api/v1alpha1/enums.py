"""Enumerations of the API. Values are CamelCase words, as they stand in manifests."""

from enum import StrEnum


class Precision(StrEnum):
    """Number format of the weights. BF16 stands for FP16 too, FP4 for MXFP4 and NVFP4."""

    BF16 = "BF16"
    FP8 = "FP8"
    INT8 = "INT8"
    INT4 = "INT4"
    FP4 = "FP4"


class EngineName(StrEnum):
    """A model server that Quartermaster knows how to start, probe and scrape."""

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


class EngineChoice(StrEnum):
    """An engine by name, or Auto: whichever runs on the chip and plans best."""

    AUTO = "Auto"
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


class AcceleratorClass(StrEnum):
    """The families of chips that placement rules speak of."""

    GPU = "GPU"
    TPU = "TPU"
    INFERENCE_CHIP = "InferenceChip"


class CapacityType(StrEnum):
    """How a pool's nodes are bought."""

    ON_DEMAND = "OnDemand"
    SPOT = "Spot"
    RESERVED = "Reserved"


class Requirement(StrEnum):
    """Whether a property is demanded."""

    REQUIRED = "Required"
    NOT_REQUIRED = "NotRequired"


class Support(StrEnum):
    """Whether a property is known to hold. Unknown never satisfies a requirement."""

    SUPPORTED = "Supported"
    UNSUPPORTED = "Unsupported"
    UNKNOWN = "Unknown"


class ProfileOrigin(StrEnum):
    """Who vouches for the figures of a ModelProfile."""

    STATED = "Stated"
    OBSERVED = "Observed"
