"""Where an InferenceDeployment may run, and for how much: placement, compliance, budget."""

import json
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StringConstraints

from quartermaster.api.collection import BY_ID, BY_NAME, SET
from quartermaster.api.quantity import FRACTION_PATTERN, DecimalString, FractionString
from quartermaster.api.rule import Rule, pattern
from quartermaster.api.v1alpha1.base import ApiModel, CertificationWord, Jurisdiction, Name, Place
from quartermaster.api.v1alpha1.enums import AcceleratorClass, CapacityType, Requirement

Vendor = Annotated[
    str,
    StringConstraints(min_length=1, max_length=63),
    pattern(
        "^[A-Za-z0-9][A-Za-z0-9 .-]*$",
        wanted="a vendor's name",
        remedy="write it as the catalog does, such as NVIDIA, AMD, Google or AWS",
    ),
]
OperatorName = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class AcceleratorSet(ApiModel):
    """Accelerators by class, vendor or catalog name; one is in the set when any of them names it."""

    classes: Annotated[tuple[AcceleratorClass, ...], Field(max_length=8), SET] = ()
    """Classes of chips."""
    vendors: Annotated[tuple[Vendor, ...], Field(max_length=32), SET] = ()
    """Vendors as the catalog writes them; case does not matter."""
    names: Annotated[tuple[Name, ...], Field(max_length=64), SET] = ()
    """Catalog names."""


def _not_allowed_and_denied(field: Literal["classes", "vendors", "names"]) -> Rule:
    said = f"has(self.allow) && has(self.deny) && has(self.allow.{field}) && has(self.deny.{field})"
    same = "one.lowerAscii() == other.lowerAscii()" if field == "vendors" else "one == other"
    return Rule(
        cel=f"!({said}) || !self.allow.{field}.exists(one, self.deny.{field}.exists(other, {same}))",
        wanted=f"nothing in both allow.{field} and deny.{field}",
        remedy=f"remove it from allow.{field} or from deny.{field}; a denial would always win",
        holds=lambda rules: (
            not (
                {one.lower() for one in getattr(rules.allow, field)}
                & {one.lower() for one in getattr(rules.deny, field)}
            )
        ),
        field=f"allow.{field}",
    )


class AcceleratorRules(ApiModel):
    """Accelerators allowed and denied; a denial always wins."""

    allow: AcceleratorSet = AcceleratorSet()
    """When it names anything, only these may be used."""
    deny: AcceleratorSet = AcceleratorSet()
    """These may never be used."""

    rules: ClassVar[tuple[Rule, ...]] = (
        _not_allowed_and_denied("classes"),
        _not_allowed_and_denied("vendors"),
        _not_allowed_and_denied("names"),
    )


class PreferredRegion(ApiModel):
    """A region worth paying a little more for."""

    name: Place
    """Region, as topology.kubernetes.io/region has it."""
    weight: Annotated[int, Field(ge=1, le=100)]
    """At 100 the region is chosen while it costs at most a quarter more than another; less in proportion."""


class RegionRules(ApiModel):
    """Regions demanded and preferred."""

    required: Annotated[tuple[Place, ...], Field(max_length=64), SET] = ()
    """When it names any, replicas run only in these."""
    preferred: Annotated[tuple[PreferredRegion, ...], Field(max_length=64), BY_NAME] = ()
    """Regions to favour."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=(
                "!has(self.preferred) || !has(self.required) || size(self.required) == 0"
                " || self.preferred.all(region, region.name in self.required)"
            ),
            wanted="preferred regions among the required ones, since no other may be used",
            remedy="add the region to required, or remove it from preferred",
            holds=lambda regions: (
                not regions.required or {region.name for region in regions.preferred} <= set(regions.required)
            ),
            field="preferred",
        ),
    )


def _regions_reach_share(placement: Any) -> bool:
    regions = len(placement.regions.required)
    # A third in six decimals is 0.333333: the shares of all regions must reach 1 but for that rounding.
    return (
        placement.max_region_share is None
        or regions == 0
        or Decimal(placement.max_region_share) * regions >= Decimal("0.9999")
    )


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
    capacity_types: Annotated[tuple[CapacityType, ...], Field(max_length=3), SET] = ()
    """Ways of buying that may be used; all when empty."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=(
                "!has(self.minRegions) || !has(self.regions) || !has(self.regions.required)"
                " || size(self.regions.required) == 0 || self.minRegions <= size(self.regions.required)"
            ),
            wanted="minRegions of at most the number of regions in regions.required",
            remedy="lower minRegions or add regions to regions.required",
            holds=lambda placement: (
                placement.min_regions is None
                or not placement.regions.required
                or placement.min_regions <= len(placement.regions.required)
            ),
            field="minRegions",
            found=("minRegions",),
        ),
        Rule(
            cel="!has(self.minRegions) || !has(self.minZones) || self.minZones >= self.minRegions",
            wanted="minZones of at least minRegions, since a zone lies in one region",
            remedy="raise minZones, or leave it out",
            holds=lambda placement: (
                placement.min_regions is None
                or placement.min_zones is None
                or placement.min_zones >= placement.min_regions
            ),
            field="minZones",
            found=("minZones", "minRegions"),
        ),
        Rule(
            cel="!has(self.maxRegionShare) || self.maxRegionShare.matches('[1-9]')",
            wanted="maxRegionShare above 0, or no region could take anything",
            remedy='set maxRegionShare to such as "0.6", or leave it out',
            holds=lambda placement: placement.max_region_share is None or Decimal(placement.max_region_share) > 0,
            field="maxRegionShare",
            found=("maxRegionShare",),
        ),
        Rule(
            cel=(
                "!has(self.maxRegionShare) || !has(self.regions) || !has(self.regions.required)"
                f" || size(self.regions.required) == 0 || !self.maxRegionShare.matches({json.dumps(FRACTION_PATTERN)})"
                " || double(self.maxRegionShare) * double(size(self.regions.required)) >= 0.9999"
            ),
            wanted="regions.required of enough regions to place everything under maxRegionShare in each",
            remedy="add regions to regions.required, or raise maxRegionShare to at least 1 divided by their number",
            holds=_regions_reach_share,
            field="maxRegionShare",
            found=("maxRegionShare",),
        ),
    )


class Residency(ApiModel):
    """Where data may be processed."""

    jurisdictions: Annotated[tuple[Jurisdiction, ...], Field(min_length=1, max_length=64), SET]
    """Countries by ISO 3166-1 alpha-2 code, EU or EEA; a pool must lie in one of them."""


class RequiredCertification(ApiModel):
    """A certification that a pool must hold, with evidence that has not expired."""

    id: CertificationWord
    """Identifier, such as iso-27001, c5, fedramp or secnumcloud."""
    level: CertificationWord | None = None
    """Level that must be held, such as high or type-2; any when unset."""


class OperatorLimits(ApiModel):
    """Who may not operate the pool."""

    forbidden_names: Annotated[tuple[OperatorName, ...], Field(max_length=64), SET] = ()
    """Operators by name, such as aws; case does not matter."""
    forbidden_jurisdictions: Annotated[tuple[Jurisdiction, ...], Field(max_length=64), SET] = ()
    """Jurisdictions whose law the operator or its parent may not be under."""


class Compliance(ApiModel):
    """Rules that can deny a placement. An unknown fact never satisfies a rule."""

    residency: Residency | None = None
    """Where data may be processed."""
    required_certifications: Annotated[tuple[RequiredCertification, ...], Field(max_length=32), BY_ID] = ()
    """Certifications that a pool must hold."""
    operators: OperatorLimits = OperatorLimits()
    """Who may not operate the pool."""
    confidential_computing: Requirement = Requirement.NOT_REQUIRED
    """Whether memory must be encrypted and attested, chip included."""


class Budget(ApiModel):
    """Ceiling of cost."""

    max_dollars_per_hour: DecimalString
    """Most that the deployment's placements may cost per hour at the pools' prices."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.maxDollarsPerHour.matches('[1-9]')",
            wanted="maxDollarsPerHour above 0, or nothing could be placed",
            remedy="set maxDollarsPerHour to what may be spent, or leave budget out for no ceiling",
            holds=lambda budget: Decimal(budget.max_dollars_per_hour) > 0,
            field="maxDollarsPerHour",
            found=("maxDollarsPerHour",),
        ),
    )
