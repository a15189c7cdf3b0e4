"""ModelProfiles and coefficients: one read as the other, both ways. No measuring, no choice among profiles."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from quartermaster.api.v1alpha1 import ModelProfileSpec
from quartermaster.catalog.model import Model
from quartermaster.planner.throughput.coefficients import Coefficients
from quartermaster.planner.throughput.parameters import routed_experts

_OPTIONAL: Mapping[str, str] = MappingProxyType(
    {
        "expert_seconds": "expert_seconds",
        "sequence_seconds": "sequence_seconds",
        "attention_seconds_per_token": "attention_seconds_per_token",
        "tokens_per_step": "tokens_per_step",
        "request_seconds": "request_seconds",
        "step_factor": "prefill_step_factor",
        "weights_factor": "prefill_weights_factor",
        "prompt_factor": "prefill_prompt_factor",
        "crowd_seconds": "prefill_seconds_per_request",
    }
)
"""Names of coefficients → names of fields that may be absent."""
_DIGITS = 6
_DECIMALS = Decimal("1e-15")
"""The decimals that the API's strings hold."""


def coefficients_of_profile(profile: ModelProfileSpec, model: Model) -> Coefficients:
    """Return the coefficients that a profile states; what it leaves out is that of the plain α, β, γ."""
    stated = {name: getattr(profile, field) for name, field in _OPTIONAL.items()}
    refined = {name: float(text) for name, text in stated.items() if text is not None}
    return Coefficients(
        alpha_seconds=float(profile.alpha_seconds),
        beta_seconds_per_token=float(profile.beta_seconds_per_token),
        gamma_seconds_per_token=float(profile.gamma_seconds_per_token),
        active_fraction=routed_experts(model)[1] if "expert_seconds" in refined else 1.0,
        stages=profile.pipeline_parallelism if refined else 1,
        **refined,
    )


def profile_fields(coefficients: Coefficients) -> dict[str, str]:
    """Return the fields of a ModelProfile's spec that state the coefficients, as the API writes them.

    What a closed loop alone knows (its wave, its shared prompts, its wait for the cache) is not part of a profile.
    """
    plain = Coefficients(0.0, 0.0, 0.0)
    names = {name: name for name in ("alpha_seconds", "beta_seconds_per_token", "gamma_seconds_per_token")}
    names |= {name: field for name, field in _OPTIONAL.items() if getattr(coefficients, name) != getattr(plain, name)}
    return {_camel(field): _decimal(getattr(coefficients, name)) for name, field in names.items()}


def _camel(field: str) -> str:
    first, *others = field.split("_")
    return first + "".join(other.capitalize() for other in others)


def _decimal(value: float) -> str:
    """Return a number without exponent, of six significant digits as far as the API's decimals go."""
    text = f"{Decimal(f'{value:.{_DIGITS}g}').quantize(_DECIMALS):f}"
    return text.rstrip("0").rstrip(".")
