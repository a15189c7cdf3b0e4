"""How much longer an engine takes on a chip than the datasheet says. Reads the fitted table; no formulas, no figures.

A factor is the time that a kind of work takes over the time at the datasheet's speed: a base, times what the engine and
the chip's family change, as far as they were measured. A vendor that was not measured gets a penalty, so that the plan
errs towards too many replicas, and a larger uncertainty, which goes wherever the estimate goes.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import exp

from quartermaster.api.v1alpha1.enums import EngineName
from quartermaster.catalog.accelerator import Accelerator
from quartermaster.planner.throughput import efficiency_table as table

_FAMILIES = {"blackwell": "blackwell", "blackwell-ultra": "blackwell", "hopper": "hopper", "ampere": "ampere"}
_UNKNOWN_VENDOR = "others"


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """Standard deviations of the logarithm of a time: 0.2 says that two thirds of the cases lie within a fifth."""

    time_to_first_token_fraction: float
    inter_token_latency_fraction: float


@dataclass(frozen=True, slots=True)
class Efficiency:
    """Factors upon the datasheet's times."""

    step_factors: tuple[float, ...]
    """In the order of ``work.TERMS``."""
    first_factors: tuple[float, ...]
    """In the order of ``efficiency_table.FIRST``."""
    uncertainty: Uncertainty


def is_measured(accelerator: Accelerator, engine: EngineName) -> bool:
    """Whether points of the engine on chips of this vendor are in the fit."""
    return accelerator.vendor.casefold() == "nvidia" and engine.value in table.ENGINES


def efficiency(accelerator: Accelerator, engine: EngineName) -> Efficiency:
    """Return the factors of an engine on a chip."""
    family = _FAMILIES.get((accelerator.architecture or "").casefold(), "")
    return _efficiency(accelerator.vendor.casefold(), family, engine.value)


@lru_cache(maxsize=256)
def _efficiency(vendor: str, family: str, engine: str) -> Efficiency:
    groups = (engine, family)
    step = [_combined(row, groups) for row in table.STEP.values()]
    first = [_combined(row, groups) for row in table.FIRST.values()]
    penalty = 0.0
    if vendor != "nvidia":
        penalty = table.VENDOR_PENALTY.get(vendor, table.VENDOR_PENALTY[_UNKNOWN_VENDOR])
    place = vendor if vendor != "nvidia" else family
    uncertain = table.UNCERTAINTY.get(place, table.UNCERTAINTY[_UNKNOWN_VENDOR])
    return Efficiency(tuple(f * exp(penalty) for f in step), tuple(first), Uncertainty(*uncertain))


def _combined(row: tuple[float, dict[str, float]], groups: tuple[str, ...]) -> float:
    base, changes = row
    return base * exp(sum(changes.get(group, 0.0) for group in groups))
