"""Price, power and compliance facts of a pool: what its AcceleratorPool states, else what the catalog knows.

An unverified fact of the catalog never stands in for a statement: it is left unknown, and the source says why.
"""

from dataclasses import dataclass

from quartermaster.api.v1alpha1 import AcceleratorPoolSpec
from quartermaster.api.v1alpha1.enums import CapacityType, Support
from quartermaster.catalog.accelerator import Accelerator
from quartermaster.catalog.catalog import Catalog, PriceBasis
from quartermaster.planner.fleet import Facts, Source


@dataclass(frozen=True, slots=True)
class PoolPrice:
    """Price of one chip, and where it comes from; None when nobody knows."""

    dollars_per_chip_hour: float | None
    source: Source


def price(
    spec: AcceleratorPoolSpec,
    accelerator: Accelerator,
    *,
    provider: str,
    region: str,
    capacity_type: CapacityType,
    catalog: Catalog,
) -> PoolPrice:
    """Return the declared price, else the list price of this region, else the nearest as an estimate.

    Spot capacity without a price of its own is taken at the on-demand price: an upper bound.
    """
    if spec.dollars_per_chip_hour is not None:
        return PoolPrice(float(spec.dollars_per_chip_hour), Source.DECLARED)
    quote = catalog.price(accelerator, provider or None, region, capacity_type=capacity_type)
    if quote is not None:
        listed = quote.basis is PriceBasis.EXACT and capacity_type is not CapacityType.RESERVED
        return PoolPrice(quote.dollars_per_chip_hour, Source.LISTED if listed else Source.ESTIMATED)
    if capacity_type is CapacityType.SPOT:
        upper = catalog.price(accelerator, provider or None, region)
        if upper is not None:
            return PoolPrice(upper.dollars_per_chip_hour, Source.ESTIMATED)
    return PoolPrice(None, Source.ESTIMATED)


def power_watts(spec: AcceleratorPoolSpec, accelerator: Accelerator) -> float | None:
    """Return the power of one chip under load."""
    return float(spec.power_watts_per_chip) if spec.power_watts_per_chip is not None else accelerator.power_watts


def facts(
    name: str,
    spec: AcceleratorPoolSpec,
    accelerator: Accelerator | None,
    provider: str,
    region: str,
    *,
    catalog: Catalog,
) -> Facts:
    """Return what compliance rules judge, each fact with its source."""
    stated = f"AcceleratorPool {name}"
    jurisdictions: frozenset[str] | None = None
    jurisdictions_source = "not stated"
    if spec.jurisdictions:
        jurisdictions, jurisdictions_source = frozenset(spec.jurisdictions), stated
    else:
        known = catalog.region(region, provider or None)
        if known is None:
            jurisdictions_source = f"the catalog knows no single region {region or '(none)'}"
        elif not known.provenance.is_verified:
            jurisdictions_source = f"the catalog's country of {region} is not verified"
        else:
            jurisdictions = frozenset(known.jurisdictions)
            jurisdictions_source = f"catalog, region {region} of {known.provider.value}"
    confidential, confidential_source = Support.UNKNOWN, "not stated"
    if spec.confidential_computing is not None:
        confidential, confidential_source = spec.confidential_computing, stated
    elif accelerator is not None and accelerator.confidential_computing is Support.UNSUPPORTED:
        confidential, confidential_source = Support.UNSUPPORTED, f"catalog, {accelerator.name}"
    operator = spec.operator
    return Facts(
        jurisdictions=jurisdictions,
        jurisdictions_source=jurisdictions_source,
        operator=operator.name if operator else (provider or None),
        operator_jurisdictions=frozenset(operator.jurisdictions) if operator else None,
        operator_source=stated if operator else ("node labels" if provider else "not stated"),
        certifications=spec.certifications,
        confidential_computing=confidential,
        confidential_source=confidential_source,
    )
