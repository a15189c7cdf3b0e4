"""Iteration time of a replica from the datasheet, where nobody measured. Formulas only; no queue, no memory fit.

Formulas, for a batch of n requests on tp · pp chips (I input, O output tokens):
    T(n) = α + ε (1 − (1 − a)^(n/pp)) + n (β t_c + γ t_m),   t_c = (I + O) / (O + 1),   t_m = I + O / 2
    α = active weights / (tp · bandwidth · e_b) + layers · (launch + 2 · all-reduce latency) + step overhead
    ε = the other experts' weights / (tp · bandwidth · e_b),   a = active / total parameters
    β = (2 · active parameters + attention at half the prompt) / (tp · pp · flops · e_c) + all-reduced bytes / fabric,
        where e_c is lower for a mixture of experts
    γ = kv bytes per token on one chip / (bandwidth · e_b)
A pipeline keeps its stages busy with n/pp requests each, so it divides the work per request and not the fixed part.
Weights wider than the chip's arithmetic (weight-only formats) are computed in BF16.
"""

from quartermaster.api.v1alpha1.enums import Precision
from quartermaster.catalog.accelerator import Accelerator
from quartermaster.catalog.model import Model
from quartermaster.planner.coefficients import Coefficients
from quartermaster.planner.efficiency import MIXTURE_COMPUTE_FRACTION, Efficiency, efficiency
from quartermaster.planner.fleet import Shape
from quartermaster.planner.memory import kv_bytes_per_token_per_chip

ACTIVATION_BYTES = 2
"""Activations travel between chips in 16 bits."""
ALL_REDUCES_PER_LAYER = 2
FALLBACK_FABRIC_BYTES_PER_SECOND = 64e9
"""Both directions of PCIe 4.0 x16, where no fabric is known (PCI-SIG, 2017)."""
LINK_SECONDS_PER_STAGE = 30e-6


def flops_per_second(accelerator: Accelerator, precision: Precision) -> float | None:
    """Return the dense peak at which weights of this format are multiplied; that of BF16 where it is not native."""
    by_format = accelerator.flops_per_second_by_format
    return by_format.get(precision) or by_format.get(Precision.BF16)


def is_native(accelerator: Accelerator, precision: Precision) -> bool:
    """Whether the chip multiplies this format itself."""
    return precision in accelerator.flops_per_second_by_format


def roofline(model: Model, accelerator: Accelerator, shape: Shape, *, input_tokens: float) -> Coefficients | None:
    """Return the coefficients; None when the datasheet or the model lacks a figure that they need."""
    flops = flops_per_second(accelerator, shape.precision)
    bandwidth = accelerator.memory_bandwidth_bytes_per_second
    cache = kv_bytes_per_token_per_chip(model, shape)
    if flops is None or bandwidth is None or cache is None or model.layers is None:
        return None
    known = efficiency(accelerator.vendor, accelerator.architecture, shape.engine)
    tensor, chips = shape.tensor_parallelism, shape.chips
    active = model.active_parameters or model.parameters
    active_fraction = min(1.0, active / model.parameters)
    read_seconds = model.weights_bytes(shape.precision) / (tensor * bandwidth * known.bandwidth_fraction)
    reached = known.compute_fraction * (MIXTURE_COMPUTE_FRACTION if active_fraction < 1 else 1.0)
    compute = (2 * active + _attention_flops(model, input_tokens)) / (chips * flops * reached)
    return Coefficients(
        alpha_seconds=read_seconds * active_fraction + _fixed_seconds(model.layers, shape, known),
        beta_seconds_per_token=compute + _communication_seconds(model, accelerator, shape),
        gamma_seconds_per_token=cache / (bandwidth * known.bandwidth_fraction),
        expert_seconds=read_seconds * (1 - active_fraction),
        active_fraction=active_fraction,
        stages=shape.pipeline_parallelism,
        request_seconds=known.request_overhead_seconds,
    )


def _fixed_seconds(layers: int, shape: Shape, known: Efficiency) -> float:
    all_reduces = ALL_REDUCES_PER_LAYER if shape.tensor_parallelism > 1 else 0
    per_layer = known.layer_overhead_seconds + all_reduces * known.collective_latency_seconds
    return known.step_overhead_seconds + layers * per_layer + (shape.pipeline_parallelism - 1) * LINK_SECONDS_PER_STAGE


def _attention_flops(model: Model, input_tokens: float) -> float:
    """Return the operations of attention for one token of a prompt, which sees half of the prompt on average."""
    if not model.query_heads or not model.head_dimension or not model.layers:
        return 0.0
    return 4 * model.layers * model.query_heads * model.head_dimension * input_tokens / 2


def _communication_seconds(model: Model, accelerator: Accelerator, shape: Shape) -> float:
    """Return the time to all-reduce one token's activations over the ring, in every layer."""
    tensor = shape.tensor_parallelism
    if tensor == 1 or not model.layers:
        return 0.0
    fabric = accelerator.scale_up_bandwidth_bytes_per_second
    if fabric is None or accelerator.scale_up_chips < tensor:
        fabric = FALLBACK_FABRIC_BYTES_PER_SECOND
    # A dense transformer has about 12 · layers · hidden² weights.
    hidden = model.hidden_size or ((model.active_parameters or model.parameters) / (12 * model.layers)) ** 0.5
    sent = ALL_REDUCES_PER_LAYER * model.layers * hidden * ACTIVATION_BYTES * 2 * (tensor - 1) / tensor
    return sent / (fabric / 2) / shape.pipeline_parallelism
