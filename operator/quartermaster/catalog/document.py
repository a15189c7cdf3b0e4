"""The reading of the catalog's data files: typed access to a parsed YAML entry, with errors that say where.

Pure: text comes in from ``load``. The parsers of the kinds (``accelerators``, ``models``, ...) stand on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any

from quartermaster.catalog.facts import Provenance, Source

UNVERIFIED = "unverified"


class CatalogError(ValueError):
    """A data file of the catalog that does not read as it should: a fault in the package, not in what a user wrote."""

    def __init__(self, where: str, wanted: str, found: object) -> None:
        """Say which entry it is, what was wanted there, and what was found."""
        super().__init__(f"catalog, {where}: wanted {wanted}, found {found!r}; mend the data file")


@lru_cache(maxsize=1024)
def parse_provenance(text: str) -> Provenance:
    """Read ``source [+ source ...] [; note]``; the source ``unverified`` marks a doubt about the value."""
    names, _, note = text.partition(";")
    sources = tuple(name.strip() for name in names.split("+"))
    return Provenance(sources=sources, is_verified=UNVERIFIED not in sources, note=note.strip())


@dataclass(slots=True)
class Entry:
    """One mapping of a data file, read key by key; ``finish`` refuses keys that nobody asked for."""

    where: str
    values: Mapping[str, Any]
    sources: Mapping[str, Source]
    _read: set[str] = field(default_factory=set)

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value, or the default when the key is absent."""
        self._read.add(key)
        return self.values.get(key, default)

    def need(self, key: str) -> Any:
        """Return the value of a key that must be there."""
        self._read.add(key)
        if key not in self.values:
            raise CatalogError(self.where, f"a key {key}", sorted(self.values))
        return self.values[key]

    def text(self, key: str) -> str:
        """Return a string that must be there."""
        value = self.need(key)
        if not isinstance(value, str):
            raise CatalogError(f"{self.where}, {key}", "a string (quote it)", value)
        return value

    def number(self, key: str) -> float | None:
        """Return a number, or None when the key is absent."""
        value = self.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise CatalogError(f"{self.where}, {key}", "a number", value)
        return None if value is None else float(value)

    def whole(self, key: str) -> int | None:
        """Return an integer, or None when the key is absent."""
        value = self.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise CatalogError(f"{self.where}, {key}", "an integer", value)
        return value

    def day(self, key: str) -> date:
        """Return a date that must be there."""
        value = self.need(key)
        if not isinstance(value, date):
            raise CatalogError(f"{self.where}, {key}", "a date, YYYY-MM-DD", value)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of strings; empty when the key is absent."""
        value = self.get(key, ())
        if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(v, str) for v in value):
            raise CatalogError(f"{self.where}, {key}", "a list of strings", value)
        return tuple(value)

    def entry(self, key: str) -> "Entry":
        """Return a nested mapping; an empty one when the key is absent."""
        return Entry(f"{self.where}, {key}", self.get(key, {}), self.sources)

    def entries(self, key: str) -> tuple["Entry", ...]:
        """Return a list of nested mappings; empty when the key is absent."""
        return tuple(Entry(f"{self.where}, {key}[{i}]", v, self.sources) for i, v in enumerate(self.get(key, ())))

    def provenance(self, key: str = "provenance") -> Provenance:
        """Return where the entry comes from."""
        return self.known(parse_provenance(self.text(key)))

    def known(self, provenance: Provenance) -> Provenance:
        """Return the provenance when all its sources are listed."""
        unknown = [name for name in provenance.sources if name not in self.sources]
        if unknown:
            raise CatalogError(self.where, "sources that sources.yaml lists", unknown)
        return provenance

    def finish(self) -> None:
        """Refuse keys that were never read: misspelt ones, most likely."""
        unread = sorted(set(self.values) - self._read)
        if unread:
            raise CatalogError(self.where, "only known keys", unread)


def parse_sources(document: Mapping[str, Any]) -> dict[str, Source]:
    """Read ``sources.yaml``: names of sources → title and date."""
    sources: dict[str, Source] = {}
    for name, values in document["sources"].items():
        entry = Entry(f"source {name}", values, sources)
        sources[name] = Source(name=name, title=entry.text("title"), as_of=entry.day("as_of"))
        entry.finish()
    return sources
