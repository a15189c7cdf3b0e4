"""The catalog: all facts, found by name.

Look-ups only; reading the data is ``load``, recognising nodes is ``discovery``.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from quartermaster.catalog.accelerator import Accelerator, Price
from quartermaster.catalog.engine import Engine
from quartermaster.catalog.facts import Source
from quartermaster.catalog.lookalike import Lookalike
from quartermaster.catalog.model import Model
from quartermaster.catalog.region import Region
from quartermaster.catalog.vocabulary import CapacityType, EngineName, Provider


class UnknownNameError(LookupError):
    """A name that the catalog does not hold."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        """Say what was wanted, that it was not found, and which names come close."""
        close = difflib.get_close_matches(name, sorted(known), n=3)
        remedy = f"did you mean {' or '.join(close)}?" if close else "see the catalog for the names it holds"
        super().__init__(f"{kind} {name!r} is not in the catalog; {remedy}")
        self.kind = kind
        self.name = name
        self.close = tuple(close)


class PriceBasis(StrEnum):
    """How near a quoted price is to what was asked for."""

    EXACT = "Exact"
    """The same provider, region and capacity type."""
    OTHER_REGION = "OtherRegion"
    """The median of the provider's other regions."""
    OTHER_PROVIDER = "OtherProvider"
    """The median of the regions of all providers."""


@dataclass(frozen=True, slots=True)
class PriceQuote:
    """A price with how it was come by; ``price`` is the list price it rests on."""

    dollars_per_chip_hour: float
    basis: PriceBasis
    price: Price


@dataclass(frozen=True, slots=True)
class Catalog:
    """Every fact that ships with Quartermaster. Mappings say their key; nothing in it changes after loading."""

    accelerators_by_name: Mapping[str, Accelerator]
    models_by_name: Mapping[str, Model]
    engines_by_name: Mapping[EngineName, Engine]
    regions_by_key: Mapping[tuple[Provider, str], Region]
    regions_by_code: Mapping[str, tuple[Region, ...]]
    lookalikes: tuple[Lookalike, ...]
    sources_by_name: Mapping[str, Source]

    def accelerator(self, name: str) -> Accelerator:
        """Return the accelerator of this name.

        Raises:
            UnknownNameError: the catalog does not hold it.
        """
        try:
            return self.accelerators_by_name[name]
        except KeyError:
            raise UnknownNameError("accelerator", name, self.accelerators_by_name) from None

    def model(self, name: str) -> Model:
        """Return the model of this name.

        Raises:
            UnknownNameError: the catalog does not hold it.
        """
        try:
            return self.models_by_name[name]
        except KeyError:
            raise UnknownNameError("model", name, self.models_by_name) from None

    def engine(self, name: str) -> Engine:
        """Return the engine of this name.

        Raises:
            UnknownNameError: the catalog does not hold it.
        """
        try:
            return self.engines_by_name[EngineName(name)]
        except (KeyError, ValueError):
            raise UnknownNameError("engine", name, self.engines_by_name) from None

    def region(self, code: str, provider: str | None = None) -> Region | None:
        """Return the region, or None when the code is unknown, or shared by providers and none is given."""
        candidates = [r for r in self.regions_by_code.get(code, ()) if provider is None or r.provider == provider]
        return candidates[0] if len(candidates) == 1 else None

    def price(
        self,
        accelerator: Accelerator,
        provider: str | None,
        region: str | None,
        *,
        capacity_type: CapacityType = CapacityType.ON_DEMAND,
        instance: str | None = None,
    ) -> PriceQuote | None:
        """Quote a list price per chip-hour, the nearest that is known; None when there is none of this capacity type.

        In the region itself the price is that of the instance type where it is listed, otherwise of the cheapest one.
        Reserved capacity has no list price of its own and is quoted at the on-demand price: an upper bound.
        """
        sold_as = CapacityType.ON_DEMAND if capacity_type == CapacityType.RESERVED else capacity_type
        prices = [p for p in accelerator.prices if p.capacity_type == sold_as]
        own = [p for p in prices if p.provider == provider]
        here = [p for p in own if p.region == region]
        here = [p for p in here if p.instance == instance] or here
        for basis, found in (
            (PriceBasis.EXACT, here),
            (PriceBasis.OTHER_REGION, own),
            (PriceBasis.OTHER_PROVIDER, prices),
        ):
            if found:
                ordered = sorted(found, key=lambda p: (p.dollars_per_chip_hour, p.provider, p.region, p.instance))
                chosen = ordered[0] if basis is PriceBasis.EXACT else ordered[(len(ordered) - 1) // 2]
                return PriceQuote(chosen.dollars_per_chip_hour, basis, chosen)
        return None
