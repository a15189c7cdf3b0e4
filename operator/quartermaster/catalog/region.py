"""The region: where a provider's zone lies, for residency and carbon. Types only."""

from dataclasses import dataclass

from quartermaster.catalog.facts import Provenance
from quartermaster.catalog.vocabulary import Provider


@dataclass(frozen=True, slots=True)
class Carbon:
    """Average intensity of the grid over a year, location-based. Compare only within one source."""

    grams_per_kwh: float
    year: int
    source: str


@dataclass(frozen=True, slots=True)
class Region:
    """One region of one provider; the join key is the label ``topology.kubernetes.io/region``."""

    provider: Provider
    code: str
    location: str
    country: str
    """ISO 3166 alpha-2."""
    continent: str
    """Two letters: AF, AS, EU, NA, OC, SA. Europe as a continent, not the European Union."""
    jurisdictions: tuple[str, ...]
    """The country (``GB`` also as ``UK``), then ``EU`` and ``EEA`` where the country is a member."""
    partition: str
    sovereignty: str | None
    """What sets the region apart from the provider's public ones, such as ``us-gov``; None for a public region."""
    is_generally_available: bool
    carbon: Carbon | None
    provenance: Provenance
    """Of the code and the country; not verified where the country was inferred from the region's name."""
    notes: tuple[str, ...] = ()
