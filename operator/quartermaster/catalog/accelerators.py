"""The reading of ``data/accelerators`` and ``data/prices``: documents → accelerators. Pure; no facts live here.

Units in the files are those of datasheets; they become bytes, bytes per second and operations per second here, divided
by ``units_per_package`` where one card or package offers several units of its resource.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from quartermaster.catalog.accelerator import Accelerator, NodeSelectorFact, NodeTaint, Price
from quartermaster.catalog.document import CatalogError, Entry, parse_provenance
from quartermaster.catalog.facts import Provenance, Source
from quartermaster.catalog.vocabulary import (
    AcceleratorClass,
    AcceleratorStatus,
    CapacityType,
    EngineName,
    Precision,
    Provider,
    Support,
)

GIBI = 1 << 30
MEBI = 1 << 20
GIGA = 1e9
TERA = 1e12


def parse_accelerators(
    documents: Iterable[Mapping[str, Any]],
    price_documents: Iterable[Mapping[str, Any]],
    sources: Mapping[str, Source],
) -> dict[str, Accelerator]:
    """Read all accelerators with their prices, in the order of the files."""
    prices_by_accelerator: dict[str, list[Price]] = {}
    for document in price_documents:
        for name, price in _parse_prices(document, sources):
            prices_by_accelerator.setdefault(name, []).append(price)
    accelerators: dict[str, Accelerator] = {}
    for document in documents:
        for values in document["accelerators"]:
            entry = Entry(f"accelerator {values.get('name')}", values, sources)
            accelerator = _parse_accelerator(entry, tuple(prices_by_accelerator.pop(values["name"], ())))
            if accelerator.name in accelerators:
                raise CatalogError(entry.where, "a name of its own", accelerator.name)
            accelerators[accelerator.name] = accelerator
    if prices_by_accelerator:
        raise CatalogError("prices", "names of accelerators", sorted(prices_by_accelerator))
    return accelerators


def _parse_accelerator(entry: Entry, prices: tuple[Price, ...]) -> Accelerator:
    units = entry.whole("units_per_package") or 1
    memory_bytes, is_reported = _parse_memory(entry.entry("memory"))
    scale_up = entry.entry("scale_up")
    scale_up.get("fabric")  # told to the reader of the file only
    scale_up_bandwidth = scale_up.number("gigabytes_per_second")
    bandwidth = entry.number("bandwidth_gigabytes_per_second")
    power = entry.number("power_watts")
    accelerator = Accelerator(
        name=entry.text("name"),
        vendor=entry.text("vendor"),
        display_name=entry.text("display_name"),
        accelerator_class=AcceleratorClass(entry.text("class")),
        status=AcceleratorStatus(entry.text("status")),
        architecture=entry.get("architecture"),
        memory_bytes=memory_bytes // units,
        is_memory_reported=is_reported,
        memory_bandwidth_bytes_per_second=None if bandwidth is None else bandwidth * GIGA / units,
        flops_per_second_by_format={
            Precision(name.upper()): teraflops * TERA / units for name, teraflops in entry.get("teraflops", {}).items()
        },
        power_watts=None if power is None else power / units,
        scale_up_chips=scale_up.whole("chips") or 1,
        scale_up_bandwidth_bytes_per_second=None if scale_up_bandwidth is None else scale_up_bandwidth * GIGA / units,
        chips_per_node=_times(entry.whole("chips_per_node"), units),
        resource_name=entry.get("resource"),
        is_identified_by_resource=entry.get("identified_by_resource", False),
        dra_driver=entry.get("dra_driver"),
        node_architecture=entry.get("node_architecture", "amd64"),
        is_edge=entry.get("edge", False),
        engines=tuple(EngineName(name) for name in entry.texts("engines")),
        confidential_computing=Support(entry.text("confidential_computing")),
        developer_jurisdiction=entry.text("developer"),
        selectors=tuple(_parse_selector(selector) for selector in entry.entries("selectors")),
        topologies=entry.texts("topologies"),
        aliases=entry.texts("aliases"),
        prices=prices,
        taints=tuple(_parse_taint(taint) for taint in entry.entries("taints")),
        provenance_by_field=_parse_provenances(entry),
        notes=entry.texts("notes"),
    )
    scale_up.finish()
    entry.finish()
    return accelerator


def _times(count: int | None, units: int) -> int | None:
    return None if count is None else count * units


def _parse_memory(entry: Entry) -> tuple[int, bool]:
    """Return bytes and whether the driver reported them."""
    basis = entry.text("basis")
    if basis not in {"Reported", "Nominal"}:
        raise CatalogError(entry.where, "basis Reported or Nominal", basis)
    mebibytes, gibibytes = entry.number("mebibytes"), entry.number("gibibytes")
    entry.finish()
    if mebibytes is not None:
        return round(mebibytes * MEBI), basis == "Reported"
    if gibibytes is not None:
        return round(gibibytes * GIBI), basis == "Reported"
    raise CatalogError(entry.where, "mebibytes or gibibytes", dict(entry.values))


def _parse_selector(entry: Entry) -> NodeSelectorFact:
    fact = NodeSelectorFact(
        label=entry.text("label"),
        values=entry.texts("values"),
        platform=entry.text("platform"),
        provenance=entry.provenance(),
        and_labels=tuple((label, tuple(values)) for label, values in entry.get("and", {}).items()),
    )
    entry.finish()
    return fact


def _parse_taint(entry: Entry) -> NodeTaint:
    taint = NodeTaint(key=entry.text("key"), value=entry.get("value"), effect=entry.text("effect"))
    entry.finish()
    return taint


def _parse_provenances(entry: Entry) -> dict[str, Provenance]:
    """Read field → provenance; precisions are written in lower case in the files."""
    precisions = {precision.value.lower(): precision.value for precision in Precision}
    return {
        precisions.get(field, field): entry.known(parse_provenance(text))
        for field, text in entry.need("provenance").items()
    }


def _parse_prices(document: Mapping[str, Any], sources: Mapping[str, Source]) -> Iterable[tuple[str, Price]]:
    """Read one provider's list: accelerator → instances → dollars per hour by region."""
    provider = Provider(document["provider"])
    for accelerator, rows in document["prices"].items():
        for values in rows:
            entry = Entry(f"prices {provider}, {accelerator}", values, sources)
            source = sources[entry.known(parse_provenance(entry.text("source"))).sources[0]]
            instance, chips = entry.text("instance"), entry.whole("chips") or 1
            for key, capacity_type in (("on_demand", CapacityType.ON_DEMAND), ("spot", CapacityType.SPOT)):
                for region, dollars in entry.get(key, {}).items():
                    yield (
                        accelerator,
                        Price(
                            provider, region, instance, chips, float(dollars), capacity_type, source.as_of, source.name
                        ),
                    )
            entry.finish()
