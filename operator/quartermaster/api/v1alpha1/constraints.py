"""Where an InferenceDeployment may run, and for how much: placement, compliance, budget."""

from typing import Annotated

from pydantic import Field, StringConstraints

from quartermaster.api.quantity import DecimalString, FractionString
from quartermaster.api.v1alpha1.base import ApiModel, Jurisdiction, Name
from quartermaster.api.v1alpha1.enums import AcceleratorClass, CapacityType, Requirement

Vendor = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 .-]*$", min_length=1, max_length=63)]
OperatorName = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class AcceleratorSet(ApiModel):
    """Accelerators by class, vendor or catalog name; one is in the set when any of them names it."""

    classes: Annotated[tuple[AcceleratorClass, ...], Field(max_length=8)] = ()
    """Classes of chips."""
    vendors: Annotated[tuple[Vendor, ...], Field(max_length=32)] = ()
    """Vendors as the catalog writes them; case does not matter."""
    names: Annotated[tuple[Name, ...], Field(max_length=64)] = ()
    """Catalog names."""


class AcceleratorRules(ApiModel):
    """Accelerators allowed and denied; a denial always wins."""

    allow: AcceleratorSet = AcceleratorSet()
    """When it names anything, only these may be used."""
    deny: AcceleratorSet = AcceleratorSet()
    """These may never be used."""


class PreferredRegion(ApiModel):
    """A region worth paying a little more for."""

    name: Name
    """Region, as topology.kubernetes.io/region has it."""
    weight: Annotated[int, Field(ge=1, le=100)]
    """At 100 the region is chosen while it costs at most a quarter more than another; less in proportion."""


class RegionRules(ApiModel):
    """Regions demanded and preferred."""

    required: Annotated[tuple[Name, ...], Field(max_length=64)] = ()
    """When it names any, replicas run only in these."""
    preferred: Annotated[tuple[PreferredRegion, ...], Field(max_length=64)] = ()
    """Regions to favour."""


class Placement(ApiModel):
    """Where replicas may run and how they are spread."""

    accelerators: AcceleratorRules = AcceleratorRules()
    """Accelerators allowed and denied."""
    regions: RegionRules = RegionRules()
    """Regions required and preferred."""
    min_regions: Annotated[int, Field(ge=1, le=32)] | None = None
    """Fewest regions that must hold a replica."""
    min_zones: Annotated[int, Field(ge=1, le=64)] | None = None
    """Fewest zones that must hold a replica."""
    max_region_share: FractionString | None = None
    """Largest fraction of the planned capacity in one region."""
    capacity_types: Annotated[tuple[CapacityType, ...], Field(max_length=3)] = ()
    """Ways of buying that may be used; all when empty."""


class Residency(ApiModel):
    """Where data may be processed."""

    jurisdictions: Annotated[tuple[Jurisdiction, ...], Field(min_length=1, max_length=64)]
    """Countries by ISO 3166-1 alpha-2 code, EU or EEA; a pool must lie in one of them."""


class RequiredCertification(ApiModel):
    """A certification that a pool must hold, with evidence that has not expired."""

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", min_length=1, max_length=63)]
    """Identifier, such as iso-27001, c5, fedramp or secnumcloud."""
    level: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=63)] | None = None
    """Level that must be held, such as high or type-2; any when unset."""


class OperatorLimits(ApiModel):
    """Who may not operate the pool."""

    forbidden_names: Annotated[tuple[OperatorName, ...], Field(max_length=64)] = ()
    """Operators by name, such as aws; case does not matter."""
    forbidden_jurisdictions: Annotated[tuple[Jurisdiction, ...], Field(max_length=64)] = ()
    """Jurisdictions whose law the operator or its parent may not be under."""


class Compliance(ApiModel):
    """Rules that can deny a placement. An unknown fact never satisfies a rule."""

    residency: Residency | None = None
    """Where data may be processed."""
    required_certifications: Annotated[tuple[RequiredCertification, ...], Field(max_length=32)] = ()
    """Certifications that a pool must hold."""
    operators: OperatorLimits = OperatorLimits()
    """Who may not operate the pool."""
    confidential_computing: Requirement = Requirement.NOT_REQUIRED
    """Whether memory must be encrypted and attested, chip included."""


class Budget(ApiModel):
    """Ceiling of cost."""

    max_dollars_per_hour: DecimalString
    """Most that the deployment's placements may cost per hour at the pools' prices."""
