"""Where a model's parameters are, and how many bytes they take: attention, routed experts, the rest. No speed."""

from quartermaster.api.v1alpha1.enums import Precision
from quartermaster.catalog.model import BYTES_PER_PARAMETER, Model

LATENT_QUERY_RANK, LATENT_HEAD_DIMENSION, LATENT_VALUE_DIMENSION = 1536, 128, 128
"""Of latent attention, as the config.json of DeepSeek V3 states them; the catalog holds the cache's ranks only."""
_FOUR_BITS = (Precision.FP4, Precision.INT4)
_ROUTED_FRACTION = 0.95
"""Parameters in routed experts, where no source states the experts."""


def routed_experts(model: Model) -> tuple[float, float]:
    """Return the parameters in routed experts, and the part of them that one token meets (1 for a dense model)."""
    active = model.active_parameters or model.parameters
    if model.experts is None or not model.hidden_size:
        if active >= model.parameters:
            return 0.0, 1.0
        routed = _ROUTED_FRACTION * model.parameters
        return routed, max(active / model.parameters / 4, (active - model.parameters + routed) / routed)
    experts = model.experts
    size = 3 * model.hidden_size * experts.hidden * experts.count * experts.layers
    return min(float(size), 0.99 * model.parameters), experts.per_token / experts.count


def bytes_per_parameter(model: Model, precision: Precision) -> tuple[float, float]:
    """Return the bytes of a parameter outside the experts, and of one within; equal for a dense model.

    A mixture in four bits keeps its other layers wider: in 16 bits where it was published so, otherwise in 8.
    """
    narrow = BYTES_PER_PARAMETER[precision]
    if precision not in _FOUR_BITS or (model.active_parameters or model.parameters) >= model.parameters:
        return narrow, narrow
    wide = Precision.BF16 if precision is model.native_precision else Precision.FP8
    return BYTES_PER_PARAMETER[wide], narrow


def attention_parameters(model: Model) -> float:
    """Return the parameters of all attention layers."""
    layers, hidden, heads = model.layers or 0, hidden_size(model), model.query_heads or 0
    if model.mla is not None:
        latent = model.mla.kv_lora_rank + model.mla.rope_dimension
        query = hidden * LATENT_QUERY_RANK + LATENT_QUERY_RANK * heads * (
            LATENT_HEAD_DIMENSION + model.mla.rope_dimension
        )
        expand = model.mla.kv_lora_rank * heads * (LATENT_HEAD_DIMENSION + LATENT_VALUE_DIMENSION)
        return layers * (query + hidden * latent + expand + heads * LATENT_VALUE_DIMENSION * hidden)
    dimension = model.head_dimension or 128
    return layers * 2 * hidden * dimension * (heads + (model.kv_heads or heads))


def hidden_size(model: Model) -> float:
    """Return the width of a layer; an estimate where no source states it."""
    # A dense transformer has about 12 · layers · hidden² weights.
    return model.hidden_size or ((model.active_parameters or model.parameters) / (12 * (model.layers or 1))) ** 0.5
