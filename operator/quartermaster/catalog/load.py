"""The loading of the catalog from the package's own data files: the one place where the core reads anything.

The files belong to the package like its code, so reading them is no more input than importing a module is: the result
is the same in every process, and it is kept.
"""

from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import yaml

from quartermaster.catalog.accelerators import parse_accelerators
from quartermaster.catalog.catalog import Catalog
from quartermaster.catalog.document import parse_sources
from quartermaster.catalog.engines import parse_engines, parse_lookalikes
from quartermaster.catalog.models import parse_models
from quartermaster.catalog.region import Region
from quartermaster.catalog.regions import parse_regions

FOLDERS = ("accelerators", "models", "prices", "regions")
Read = Callable[[str], Mapping[str, Any]]
"""Path below ``data/`` → the parsed document."""


@cache
def load_catalog() -> Catalog:
    """Return the catalog that ships with this version; the same object every time.

    Raises:
        CatalogError: a data file does not read as it should (a fault of the package).
    """
    data = files("quartermaster.catalog") / "data"
    return assemble(
        lambda path: _read(data / path),
        {folder: _names(data / folder) for folder in FOLDERS},
    )


def assemble(read: Read, names_by_folder: Mapping[str, list[str]]) -> Catalog:
    """Build a catalog from documents; pure, given ``read`` and the names of the files in each of ``FOLDERS``."""
    documents = {folder: [read(f"{folder}/{name}") for name in names_by_folder.get(folder, [])] for folder in FOLDERS}
    sources = parse_sources(read("sources.yaml"))
    regions = parse_regions(documents["regions"], sources)
    regions_by_code: dict[str, tuple[Region, ...]] = {}
    for region in regions.values():
        regions_by_code[region.code] = (*regions_by_code.get(region.code, ()), region)
    return Catalog(
        accelerators_by_name=parse_accelerators(documents["accelerators"], documents["prices"], sources),
        models_by_name=parse_models(documents["models"], sources),
        engines_by_name=parse_engines(read("engines.yaml"), sources),
        regions_by_key=regions,
        regions_by_code=regions_by_code,
        lookalikes=parse_lookalikes(read("lookalikes.yaml"), sources),
        sources_by_name=sources,
    )


def _names(folder: Traversable) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def _read(path: Traversable) -> Mapping[str, Any]:
    # The C loader is ten times faster; it is missing only where libyaml is.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document: Mapping[str, Any] = yaml.load(path.read_text("utf-8"), Loader=loader)  # noqa: S506 - a safe loader either way
    return document
