"""Coefficients of a replica from the datasheet, where nobody measured it: the work of a step times fitted factors.

Formulas (work and factors by what is done; see ``work`` and ``efficiency``):
    α = weights + launches + fixed part of a step      ε = experts      δ = per request
    β = compute + reduce + exchange                    γ = cache        κ = attention
A pipeline keeps its stages busy with n/pp requests each, so it divides the work per request and not the fixed part.
"""

from quartermaster.api.v1alpha1.enums import Precision
from quartermaster.catalog.accelerator import Accelerator
from quartermaster.catalog.model import Model
from quartermaster.planner.fleet import Shape
from quartermaster.planner.throughput.coefficients import Coefficients
from quartermaster.planner.throughput.efficiency import Efficiency, efficiency
from quartermaster.planner.throughput.efficiency_table import FIRST
from quartermaster.planner.throughput.layout import layout_of
from quartermaster.planner.throughput.work import TERMS, Mean, Work, work

LINK_SECONDS_PER_STAGE = 30e-6
FIXED = ("weights", "launches", "shared_launches", "expert_launches", "step", "attention_ranks", "linear_layers")
PER_TOKEN = ("compute", "reduce", "exchange")


def is_native(accelerator: Accelerator, precision: Precision) -> bool:
    """Whether the chip multiplies this format itself."""
    return precision in accelerator.flops_per_second_by_format


def roofline(
    model: Model, accelerator: Accelerator, shape: Shape, *, input_tokens: float, output_tokens: float
) -> Coefficients | None:
    """Return the coefficients; None when the datasheet or the model lacks a figure that they need."""
    mean = Mean(input_tokens, output_tokens)
    found = work(model, accelerator, shape.precision, layout=layout_of(shape), mean=mean)
    if found is None:
        return None
    return coefficients_of(found, efficiency(accelerator, shape.engine), stages=shape.pipeline_parallelism)


def coefficients_of(found: Work, known: Efficiency, *, stages: int = 1) -> Coefficients:
    """Return the coefficients of a step whose work is known."""
    seconds = {name: getattr(found, name) * factor for name, factor in zip(TERMS, known.step_factors, strict=True)}
    first = dict(zip(FIRST, known.first_factors, strict=True))
    return Coefficients(
        alpha_seconds=sum(seconds[name] for name in FIXED) + (stages - 1) * LINK_SECONDS_PER_STAGE,
        beta_seconds_per_token=sum(seconds[name] for name in PER_TOKEN),
        gamma_seconds_per_token=seconds["cache"],
        expert_seconds=seconds["experts"],
        active_fraction=found.active_fraction,
        stages=stages,
        sequence_seconds=seconds["sequence"],
        attention_seconds_per_token=seconds["attention"],
        **first,
    )
