"""What one step of a replica has to do, in seconds at the datasheet's speed. Formulas only; nothing here is fitted.

For a batch of n requests (I input, O output tokens) on tp · dp ranks of pp stages, memory bandwidth B, peak F:
    weights   = (attention / tp + the rest but experts / ranks) / B       experts = all routed experts / ranks / B
    cache     = kv bytes per token on one rank / B, per token held and request of the rank; layers with a window and
                sparse attention stop at their window
    compute   = 2 · active parameters / (chips · F), per token           attention = its operations at half the prompt
    reduce    = two ring all-reduces per layer: bytes / fabric            exchange  = tokens to experts and back
Weights wider than the chip's arithmetic (weight-only formats) are computed in BF16. Launches count layers, in units of
ten microseconds; the fixed part of a step in milliseconds. A fabric wider than the chip's coherent domain falls back to
PCIe's speed within a node, and to 400 Gb/s per chip between nodes.
"""

from dataclasses import dataclass, fields

from quartermaster.api.v1alpha1.enums import Precision
from quartermaster.catalog.accelerator import Accelerator
from quartermaster.catalog.model import Model
from quartermaster.planner.throughput.layout import Layout, settled
from quartermaster.planner.throughput.memory import cache_bytes_per_token_per_rank
from quartermaster.planner.throughput.parameters import (
    LATENT_HEAD_DIMENSION,
    attention_parameters,
    bytes_per_parameter,
    hidden_size,
    routed_experts,
)

LAUNCH_SECONDS = 10e-6
STEP_SECONDS = 1e-3
ACTIVATION_BYTES = 2
"""Activations travel between chips in 16 bits."""
ALL_REDUCES_PER_LAYER = 2
NODE_FABRIC_BYTES_PER_SECOND = 64e9
"""Both directions of PCIe 4.0 x16, where no fabric is known (PCI-SIG, 2017)."""
NETWORK_BYTES_PER_SECOND = 100e9
"""Both directions of one 400 Gb/s adapter per chip, as nodes of eight chips have them."""
CHIPS_PER_NODE = 8


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean request."""

    input_tokens: float
    output_tokens: float

    @property
    def computed_tokens(self) -> float:
        """Tokens computed per step and request, prompts spread over the steps."""
        return (self.input_tokens + self.output_tokens) / (self.output_tokens + 1)

    @property
    def held_tokens(self) -> float:
        """Tokens in the cache, in the middle of the answer."""
        return self.input_tokens + self.output_tokens / 2


@dataclass(frozen=True, slots=True)
class Work:
    """Seconds of one step at the datasheet's speed, by what is done. The order is that of the fitted table."""

    weights: float
    experts: float
    """All routed experts of a rank."""
    cache: float
    """Per token held and request."""
    compute: float
    """Per token."""
    attention: float
    """Per token of a prompt."""
    reduce: float
    """Per token."""
    exchange: float
    """Per token."""
    launches: float
    shared_launches: float
    """The layers once more, where ranks wait for one another."""
    expert_launches: float
    sequence: float
    """Per request in the batch."""
    step: float
    attention_ranks: float
    """The layers once more, where attention is data-parallel."""
    linear_layers: float
    """Layers of a fixed state."""
    active_fraction: float
    """Part of the routed experts that one token meets."""

    def seconds(self, batch: float, mean: Mean, *, has_prompts: bool = True) -> tuple[float, ...]:
        """Return the seconds of each kind of work between two tokens, in the order of ``TERMS``; see ``coefficients``.

        Without prompts, all were read before the first token and only tokens are made.
        """
        tokens = batch * (mean.computed_tokens if has_prompts else 1.0) + 1
        prompts = batch * mean.input_tokens / (mean.output_tokens + 1) if has_prompts else 0.0
        read = 1.0 - (1.0 - self.active_fraction) ** batch
        times = {
            "experts": read,
            "cache": (batch + 1) * mean.held_tokens,
            "compute": tokens,
            "attention": prompts,
            "reduce": tokens,
            "exchange": tokens,
            "sequence": batch,
        }
        return tuple(getattr(self, name) * times.get(name, 1.0) for name in TERMS)


TERMS = tuple(field.name for field in fields(Work))[:-1]


def flops_per_second(accelerator: Accelerator, precision: Precision) -> float | None:
    """Return the dense peak at which weights of this format are multiplied; that of BF16 where it is not native."""
    by_format = accelerator.flops_per_second_by_format
    return by_format.get(precision) or by_format.get(Precision.BF16)


def work(model: Model, accelerator: Accelerator, precision: Precision, *, layout: Layout, mean: Mean) -> Work | None:
    """Return the work of a step; None when the datasheet or the model lacks a figure that it needs."""
    flops, bandwidth = flops_per_second(accelerator, precision), accelerator.memory_bandwidth_bytes_per_second
    ranks = settled(layout, model)
    cache = cache_bytes_per_token_per_rank(model, ranks, held_tokens=mean.held_tokens)
    if flops is None or bandwidth is None or cache is None or model.layers is None:
        return None
    # Experts run in a narrow format on chips that multiply it; attention between tokens stays at 16 bits.
    wide = accelerator.flops_per_second_by_format.get(Precision.BF16) or flops
    routed, active_fraction = routed_experts(model)
    attention = min(attention_parameters(model), model.parameters - routed)
    other_bytes, expert_bytes = bytes_per_parameter(model, precision)
    others = model.parameters - routed - attention
    launches = model.layers * LAUNCH_SECONDS
    reduce, exchange = _traffic_seconds(model, accelerator, ranks)
    growing = growing_layers(model)
    has_state = growing < model.layers and model.window_tokens is None
    return Work(
        weights=(attention / ranks.tensor_parallelism + others / ranks.ranks) * other_bytes / bandwidth,
        experts=routed * expert_bytes / ranks.ranks / bandwidth,
        cache=cache / ranks.data_parallelism / bandwidth,
        compute=2 * (model.active_parameters or model.parameters) / (ranks.chips * flops),
        attention=_attention_flops(model, growing, mean) / (ranks.chips * wide),
        reduce=reduce,
        exchange=exchange,
        launches=launches,
        shared_launches=launches if ranks.ranks > 1 else 0.0,
        expert_launches=launches if routed else 0.0,
        sequence=LAUNCH_SECONDS,
        step=STEP_SECONDS,
        attention_ranks=launches if ranks.data_parallelism > 1 else 0.0,
        linear_layers=(model.layers - growing) * LAUNCH_SECONDS if has_state else 0.0,
        active_fraction=active_fraction,
    )


def growing_layers(model: Model) -> int:
    """Return the layers whose cache grows with the context, from the bytes that a token adds to it."""
    layers = model.layers or 0
    if model.mla is not None:
        per_layer = 2 * (model.mla.kv_lora_rank + model.mla.rope_dimension)
    else:
        per_layer = 4 * (model.kv_heads or 0) * (model.head_dimension or 0)
    return min(layers, round((model.kv_bytes_per_token or 0) / per_layer)) if per_layer else layers


def _attention_flops(model: Model, growing: int, mean: Mean) -> float:
    """Return the operations of attention for one token of a prompt, which sees half of the prompt on average."""
    if not model.query_heads:
        return 0.0
    if model.mla is not None:
        dimensions = 2 * LATENT_HEAD_DIMENSION + model.mla.rope_dimension
    else:
        dimensions = 2 * (model.head_dimension or 0)
    seen = mean.input_tokens if model.sparse_tokens is None else min(mean.input_tokens, 2 * model.sparse_tokens)
    return 2 * growing * model.query_heads * dimensions * seen / 2


def _traffic_seconds(model: Model, accelerator: Accelerator, ranks: Layout) -> tuple[float, float]:
    """Return the seconds in which one token's activations are all-reduced, and sent to its experts and back."""
    if ranks.ranks == 1 or not model.layers:
        return 0.0, 0.0
    sent = ALL_REDUCES_PER_LAYER * model.layers * hidden_size(model) * ACTIVATION_BYTES
    tensor = ranks.tensor_parallelism
    reduce = sent * 2 * (tensor - 1) / tensor / (_fabric(accelerator, tensor) / 2)
    if not ranks.has_expert_parallelism and ranks.data_parallelism == 1:
        return reduce / ranks.pipeline_parallelism, 0.0
    copies = min(model.experts.per_token if model.experts else 1, ranks.ranks - 1)
    exchange = sent * copies / ranks.ranks / (_fabric(accelerator, ranks.ranks) / 2)
    return reduce / ranks.pipeline_parallelism, exchange / ranks.pipeline_parallelism


def _fabric(accelerator: Accelerator, ranks: int) -> float:
    """Return the bytes per second of one chip towards the others, both directions together."""
    coherent = accelerator.scale_up_bandwidth_bytes_per_second
    if coherent is not None and accelerator.scale_up_chips >= ranks:
        return coherent
    if ranks > max(accelerator.chips_per_node or CHIPS_PER_NODE, accelerator.scale_up_chips):
        return NETWORK_BYTES_PER_SECOND
    return NODE_FABRIC_BYTES_PER_SECOND
