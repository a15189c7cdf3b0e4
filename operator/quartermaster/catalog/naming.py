"""Names by which people and tables of measurements call what the catalog holds → its own names. Look-ups only.

A model is known by its name, its repository, a repository alike, and each of these with another owner or with a suffix
that names a number format (``-FP8``, ``-NVFP4``). An accelerator is known by its name, with or without its vendor, and
by its aliases; an engine by its name, its display name and its aliases. Case, ``_`` and ``-`` do not matter.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TypeVar

from quartermaster.catalog.accelerator import Accelerator
from quartermaster.catalog.catalog import Catalog, UnknownNameError
from quartermaster.catalog.engine import Engine
from quartermaster.catalog.load import load_catalog
from quartermaster.catalog.model import Model

T = TypeVar("T")

_FORMAT = re.compile(r"-(fp8(-(block|dynamic|kv))?|nvfp4|mxfp4|fp4|bf16|fp16|int8|int4|awq|gptq|w4a16|w8a8)(-v\d+)?$")


def find_model(name: str, catalog: Catalog | None = None) -> Model:
    """Return the model that is meant.

    Raises:
        UnknownNameError: the catalog holds none that is called so.
    """
    known = catalog or load_catalog()
    return _found("model", name, known.models_by_name, _models(known) if catalog else _shipped_models())


def find_accelerator(name: str, catalog: Catalog | None = None) -> Accelerator:
    """Return the accelerator that is meant.

    Raises:
        UnknownNameError: the catalog holds none that is called so.
    """
    known = catalog or load_catalog()
    names: dict[str, Accelerator] = {}
    for accelerator in known.accelerators_by_name.values():
        short = accelerator.name.removeprefix(f"{accelerator.vendor.casefold()}-")
        for each in (accelerator.name, short, *accelerator.aliases):
            names.setdefault(_plain(each), accelerator)
    return _found("accelerator", name, known.accelerators_by_name, names)


def find_engine(name: str, catalog: Catalog | None = None) -> Engine:
    """Return the engine that is meant.

    Raises:
        UnknownNameError: the catalog holds none that is called so.
    """
    known = catalog or load_catalog()
    names: dict[str, Engine] = {}
    for engine in known.engines_by_name.values():
        for each in (engine.name, engine.display_name, *engine.aliases):
            names.setdefault(_plain(each), engine)
    return _found("engine", name, known.engines_by_name, names)


@lru_cache(maxsize=1)
def _shipped_models() -> Mapping[str, Model]:
    return _models(load_catalog())


def _models(catalog: Catalog) -> Mapping[str, Model]:
    names: dict[str, Model] = {}
    for repositories_only in (False, True):
        for model in catalog.models_by_name.values():
            own = (model.name, model.repository)
            for each in model.alike if repositories_only else own:
                names.setdefault(_plain(each), model)
                names.setdefault(_tail(each), model)
    return names


def _found(kind: str, name: str, known: Iterable[str], by_plain_name: Mapping[str, T]) -> T:
    for each in (_plain(name), _tail(name)):
        if each in by_plain_name:
            return by_plain_name[each]
    raise UnknownNameError(kind, name, known)


def _plain(name: str) -> str:
    return name.casefold().replace("_", "-").strip()


def _tail(name: str) -> str:
    """Return the name without its owner and without a number format."""
    return _FORMAT.sub("", _plain(name).rsplit("/", maxsplit=1)[-1])
