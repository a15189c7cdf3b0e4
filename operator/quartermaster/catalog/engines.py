"""The reading of ``data/engines.yaml`` and ``data/lookalikes.yaml``: documents → values. Pure; no facts live here."""

from collections.abc import Mapping
from typing import Any

from quartermaster.catalog.document import Entry
from quartermaster.catalog.engine import Engine, EngineImage
from quartermaster.catalog.facts import Source
from quartermaster.catalog.lookalike import Lookalike, RefusalReason
from quartermaster.catalog.vocabulary import EngineName, MetricDialect, Precision


def parse_engines(document: Mapping[str, Any], sources: Mapping[str, Source]) -> dict[EngineName, Engine]:
    """Read all engines."""
    engines: dict[EngineName, Engine] = {}
    for values in document["engines"]:
        entry = Entry(f"engine {values.get('name')}", values, sources)
        name = EngineName(entry.text("name"))
        engines[name] = Engine(
            name=name,
            display_name=entry.text("display_name"),
            vendors=entry.texts("vendors"),
            metric_dialect=MetricDialect(entry.text("metric_dialect")),
            port=entry.need("port"),
            images=tuple(_parse_image(image) for image in entry.entries("images")),
            precisions=tuple(Precision(precision.upper()) for precision in entry.texts("precisions")),
            provenance=entry.provenance(),
            aliases=entry.texts("aliases"),
            notes=entry.texts("notes"),
        )
        entry.finish()
    return engines


def _parse_image(entry: Entry) -> EngineImage:
    image = EngineImage(
        vendor=entry.text("vendor"),
        image=entry.text("image"),
        as_of=entry.day("as_of"),
        provenance=entry.provenance(),
        node_architectures=entry.texts("node_architectures") or ("amd64",),
        architectures=entry.texts("architectures"),
    )
    entry.finish()
    return image


def parse_lookalikes(document: Mapping[str, Any], sources: Mapping[str, Source]) -> tuple[Lookalike, ...]:
    """Read the labels that rule a node out, in the order in which they are tried."""
    found = []
    for index, values in enumerate(document["lookalikes"]):
        entry = Entry(f"lookalike {index}", values, sources)
        found.append(
            Lookalike(
                label=entry.text("label"),
                values=entry.texts("values"),
                reason=RefusalReason(entry.text("reason")),
                message=entry.text("message"),
                provenance=entry.provenance(),
            )
        )
        entry.finish()
    return tuple(found)
