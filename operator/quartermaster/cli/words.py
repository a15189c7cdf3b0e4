"""How figures and their origin are said to a person, alike in every table. No document is made here."""

from collections.abc import Iterable, Mapping
from typing import Final

from quartermaster.planner.fleet import Source
from quartermaster.reconcile.status import decimal

_SHORT: Final[Mapping[str, str]] = {
    Source.MEASURED.value: "meas",
    Source.DECLARED.value: "decl",
    Source.LISTED.value: "list",
    Source.ESTIMATED.value: "est.",
}
_LEGEND: Final[Mapping[str, str]] = {
    Source.MEASURED.value: "measured, by a ModelProfile or under load",
    Source.DECLARED.value: "declared in an object",
    Source.LISTED.value: "the catalog's list price",
    Source.ESTIMATED.value: "estimated, from datasheets or the nearest known price",
}


def rate(number: float, source: str = "") -> str:
    """Return a rate with three significant digits, and the short word for where it comes from."""
    return f"{decimal(number, 3)} {_SHORT.get(source, '')}".rstrip()


def money(dollars: float, source: str = "") -> str:
    """Return an amount with cents, and the short word for where its price comes from."""
    return f"{dollars:,.2f} {_SHORT.get(source, '')}".rstrip()


def legend(sources: Iterable[str]) -> str:
    """Return what the short words mean that are in use."""
    used = set(sources)
    return "; ".join(f"{_SHORT[source]}: {text}" for source, text in _LEGEND.items() if source in used)


def pool(name: str, region: str, accelerator: str) -> str:
    """Return a pool's name beside its region and accelerator, without what these two already say."""
    said = f"{region}-{accelerator}-"
    return f"…-{name.removeprefix(said)}" if name.startswith(said) else name


def where(region: str, zone: str = "") -> str:
    """Return the region, or the zone in it: alone where its name begins with the region's."""
    return (zone if zone.startswith(region) else f"{region} {zone}".rstrip()) or "-"


def where_header(zones: Iterable[str]) -> str:
    """Return the heading of a column of regions and of zones in them, if there are any."""
    return "REGION OR ZONE" if any(zones) else "REGION"


def plural(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
