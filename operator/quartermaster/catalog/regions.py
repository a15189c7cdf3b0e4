"""The reading of ``data/regions``: compact rows → regions. Pure; no facts about regions live here.

A row is ``[code, location, country, continent]``, then, where the carbon intensity is known, ``[grams of CO2 per kWh,
year, source]``.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from quartermaster.catalog.document import CatalogError, Entry
from quartermaster.catalog.facts import Provenance, Source
from quartermaster.catalog.region import Carbon, Region
from quartermaster.catalog.vocabulary import Provider

PLAIN_ROW = 4
ROW_WITH_CARBON = 7

EUROPEAN_UNION = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()  # noqa: SIM905 - reads best as a row
)
"""Member states since 2020-02-01 (Treaty on European Union; withdrawal of the United Kingdom)."""

EUROPEAN_ECONOMIC_AREA = EUROPEAN_UNION | {"IS", "LI", "NO"}
"""EU members and the three EFTA states of the EEA Agreement; not Switzerland, not the United Kingdom."""


def jurisdictions_of(country: str) -> tuple[str, ...]:
    """Return the country itself (``GB`` also as ``UK``), then ``EU`` and ``EEA`` where it is a member."""
    found = [country]
    if country == "GB":
        found.append("UK")
    if country in EUROPEAN_UNION:
        found.append("EU")
    if country in EUROPEAN_ECONOMIC_AREA:
        found.append("EEA")
    return tuple(found)


def parse_regions(
    documents: Iterable[Mapping[str, Any]], sources: Mapping[str, Source]
) -> dict[tuple[Provider, str], Region]:
    """Read all regions, keyed by provider and code."""
    regions: dict[tuple[Provider, str], Region] = {}
    for values in (group for document in documents for group in document["groups"]):
        entry = Entry(f"regions {values.get('provider')} {values.get('partition')}", values, sources)
        provider, notes = Provider(entry.text("provider")), entry.get("notes", {})
        provenance, group_note = entry.provenance(), entry.get("note")
        for row in entry.need("rows"):
            note = notes.get(row[0], group_note)
            region = _parse_row(entry, provider, row, provenance, () if note is None else (note,))
            if (provider, region.code) in regions:
                raise CatalogError(entry.where, "each code once", region.code)
            regions[provider, region.code] = region
        entry.finish()
    return regions


def _parse_row(
    entry: Entry, provider: Provider, row: Sequence[Any], provenance: Provenance, notes: tuple[str, ...]
) -> Region:
    if len(row) not in {PLAIN_ROW, ROW_WITH_CARBON} or not all(isinstance(text, str) for text in row[:PLAIN_ROW]):
        raise CatalogError(entry.where, "rows of four texts, or of seven values with carbon", list(row))
    code, location, country, continent = row[:PLAIN_ROW]
    carbon = None
    if len(row) == ROW_WITH_CARBON:
        grams, year, source = row[PLAIN_ROW:]
        if source not in entry.sources:
            raise CatalogError(f"{entry.where}, {code}", "a source of the carbon intensity", source)
        carbon = Carbon(grams_per_kwh=float(grams), year=year, source=source)
    return Region(
        provider=provider,
        code=code,
        location=location,
        country=country,
        continent=continent,
        jurisdictions=jurisdictions_of(country),
        partition=entry.text("partition"),
        sovereignty=entry.get("sovereignty"),
        is_generally_available=entry.get("available", True),
        carbon=carbon,
        provenance=provenance,
        notes=notes,
    )
