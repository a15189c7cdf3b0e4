"""The reading of ``data/models``: documents → models. Pure; no facts live here."""

from collections.abc import Iterable, Mapping
from typing import Any

from quartermaster.catalog.document import CatalogError, Entry, parse_provenance
from quartermaster.catalog.facts import Provenance, Source
from quartermaster.catalog.model import Experts, LatentAttention, Model, UnsupportedAccelerator
from quartermaster.catalog.vocabulary import EngineName, Precision

GIBI = 1 << 30
GIGA = 10**9


def parse_models(documents: Iterable[Mapping[str, Any]], sources: Mapping[str, Source]) -> dict[str, Model]:
    """Read all models, in the order of the files."""
    models: dict[str, Model] = {}
    for document in documents:
        for values in document["models"]:
            entry = Entry(f"model {values.get('name')}", values, sources)
            model = _parse_model(entry)
            if model.name in models:
                raise CatalogError(entry.where, "a name of its own", model.name)
            models[model.name] = model
    return models


def _parse_model(entry: Entry) -> Model:
    parameters, shape, precision = entry.entry("parameters"), entry.entry("shape"), entry.entry("precision")
    billions, active_billions = parameters.number("billions"), parameters.number("active_billions")
    if billions is None:
        raise CatalogError(entry.where, "parameters in billions", dict(parameters.values))
    model = Model(
        name=entry.text("name"),
        repository=entry.text("repository"),
        developer=entry.text("developer"),
        developer_country=entry.text("country"),
        parameters=round(billions * GIGA),
        active_parameters=None if active_billions is None else round(active_billions * GIGA),
        layers=shape.whole("layers"),
        hidden_size=shape.whole("hidden"),
        query_heads=shape.whole("query_heads"),
        kv_heads=shape.whole("kv_heads"),
        head_dimension=shape.whole("head_dimension"),
        attention=entry.text("attention"),
        mla=_parse_latent_attention(entry),
        kv_bytes_per_token=entry.whole("kv_bytes_per_token"),
        context_tokens=entry.need("context_tokens"),
        native_precision=Precision(precision.text("native").upper()),
        published_precisions=tuple(Precision(name.upper()) for name in precision.texts("published")),
        weights_bytes_by_precision=_by_precision(entry.get("weights_gibibytes", {}), GIBI),
        minimum_memory_bytes_by_precision=_by_precision(entry.get("minimum_memory_gigabytes", {}), GIGA),
        licence=entry.get("licence"),
        is_gated=entry.need("gated"),
        experts=_parse_experts(entry.entry("experts")),
        window_tokens=entry.whole("window_tokens"),
        sparse_tokens=entry.whole("sparse_tokens"),
        alike=entry.texts("alike"),
        unsupported=tuple(_parse_unsupported(unsupported) for unsupported in entry.entries("unsupported")),
        verified_accelerators=entry.texts("verified_accelerators"),
        provenance_by_field=_parse_provenances(entry),
        notes=entry.texts("notes"),
    )
    for nested in (parameters, shape, precision, entry):
        nested.finish()
    return model


def _by_precision(values: Mapping[str, float], unit_bytes: int) -> dict[Precision, int]:
    return {Precision(name.upper()): round(value * unit_bytes) for name, value in values.items()}


def _parse_latent_attention(entry: Entry) -> LatentAttention | None:
    mla = entry.entry("mla")
    if not mla.values:
        return None
    latent = LatentAttention(kv_lora_rank=mla.need("kv_lora_rank"), rope_dimension=mla.need("rope_dimension"))
    mla.finish()
    return latent


def _parse_experts(entry: Entry) -> Experts | None:
    if not entry.values:
        return None
    experts = Experts(*(entry.need(key) for key in ("count", "per_token", "hidden", "layers")))
    entry.finish()
    return experts


def _parse_unsupported(entry: Entry) -> UnsupportedAccelerator:
    unsupported = UnsupportedAccelerator(
        accelerator=entry.text("accelerator"), engine=EngineName(entry.text("engine")), provenance=entry.provenance()
    )
    entry.finish()
    return unsupported


def _parse_provenances(entry: Entry) -> dict[str, Provenance]:
    """Read provenance → fields, as the files write it, into field → provenance."""
    return {
        field: entry.known(parse_provenance(text))
        for text, fields in entry.need("provenance").items()
        for field in fields
    }
