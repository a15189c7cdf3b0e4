"""An estimate as a document and as a page. Nothing is worked out here but ratios of its figures."""

from math import exp
from typing import Any

from quartermaster.api.names import API_VERSION
from quartermaster.catalog.catalog import PriceQuote
from quartermaster.cli.table import paragraph
from quartermaster.planner.throughput.estimate import Estimate, Limit, Replica
from quartermaster.planner.throughput.work import Mean
from quartermaster.reconcile.status import decimal

_SECONDS_PER_HOUR = 3600.0
_GIBIBYTE = 2**30
_LEAST_TOLD = 0.01
_LIMITS = {
    Limit.MEMORY_BANDWIDTH: "memory bandwidth",
    Limit.COMPUTE: "compute",
    Limit.NETWORK: "network between the chips",
    Limit.LAUNCHES: "launches and scheduling",
    Limit.CACHE: "room in the KV cache",
}


def document(replica: Replica, mean: Mean, found: Estimate, *, quote: PriceQuote | None) -> dict[str, Any]:
    """Return the estimate as it is printed for programs; what nobody states is left out."""
    layout, chips = replica.layout, replica.layout.chips
    ratios = {
        "perChip": found.tokens_per_second / chips,
        "perDollar": _per_dollar(found, chips, quote),
        "perWatt": _per_watt(found, replica),
    }
    document: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "kind": "Estimate",
        "model": replica.model.name,
        "accelerator": replica.accelerator.name,
        "engine": replica.engine.value,
        "precision": replica.precision.value,
        "tensorParallelism": layout.tensor_parallelism,
        "pipelineParallelism": layout.pipeline_parallelism,
        "dataParallelism": layout.data_parallelism,
        "expertParallelism": layout.ranks if layout.has_expert_parallelism else 1,
        "chips": chips,
        "inputTokens": mean.input_tokens,
        "outputTokens": mean.output_tokens,
        "concurrency": found.concurrency,
        "running": _figure(found.running),
        "timeToFirstTokenMilliseconds": _ranged(
            found.time_to_first_token_seconds, found.uncertainty.time_to_first_token_fraction
        ),
        "interTokenLatencyMilliseconds": _ranged(
            found.inter_token_latency_seconds, found.uncertainty.inter_token_latency_fraction
        ),
        "requestsPerSecond": _figure(found.requests_per_second),
        "tokensPerSecond": {"perReplica": _figure(found.tokens_per_second)}
        | {name: _figure(value) for name, value in ratios.items() if value is not None},
        "kvCapacityTokens": found.kv_capacity_tokens,
        "limit": found.limit.value,
        "stepFractions": {kind.value: round(fraction, 3) for kind, fraction in found.step_fractions.items()},
        "source": found.source.value,
    }
    if quote is not None:
        document["dollarsPerChipHour"] = round(quote.dollars_per_chip_hour, 4)
        document["priceBasis"] = quote.basis.value
    return document


def page(replica: Replica, mean: Mean, found: Estimate, *, quote: PriceQuote | None) -> str:
    """Return the estimate as a person reads it."""
    chips, unsure = replica.layout.chips, found.uncertainty
    rows = [
        ("time to first token", _told(found.time_to_first_token_seconds, unsure.time_to_first_token_fraction)),
        ("inter-token latency", _told(found.inter_token_latency_seconds, unsure.inter_token_latency_fraction)),
        ("tokens/s per replica", decimal(found.tokens_per_second, 3)),
        ("tokens/s per chip", decimal(found.tokens_per_second / chips, 3)),
    ]
    per_dollar, per_watt = _per_dollar(found, chips, quote), _per_watt(found, replica)
    if per_dollar is not None and quote is not None:
        price = f"{quote.dollars_per_chip_hour:.2f} $ per chip-hour, {quote.price.provider.value} {quote.price.region}"
        rows.append(("tokens per dollar", f"{decimal(per_dollar, 3)} ({price}, {quote.price.as_of})"))
    if per_watt is not None:
        rows.append(("tokens/s per watt", decimal(per_watt, 3)))
    rows += [
        ("requests/s", decimal(found.requests_per_second, 3)),
        (
            "KV capacity",
            f"{found.kv_capacity_tokens:,} tokens beside {found.weights_bytes / _GIBIBYTE:,.0f} GiB weights",
        ),
        ("limited by", _limits(found)),
    ]
    running = "" if found.running >= found.concurrency else f", {found.running:.0f} of them with room in the cache"
    title = (
        f"{replica.model.name} in {replica.precision.value} on {chips} × {replica.accelerator.name}, "
        f"{replica.engine.value}: {found.concurrency:g} requests at a time{running}, {mean.input_tokens:g} tokens "
        f"in and {mean.output_tokens:g} out"
    )
    width = max(len(name) for name, _ in rows)
    lines = [paragraph(f"  {name:<{width}}  {told}", indent=width + 4) for name, told in rows]
    source = paragraph(
        f"{found.source.value}, from the datasheet and factors fitted to public measurements. In brackets: one "
        f"standard deviation. A ModelProfile with measured figures beats it.",
        indent=0,
    )
    return "\n".join([paragraph(title, indent=2), *lines, source])


def _limits(found: Estimate) -> str:
    parts = sorted(found.step_fractions.items(), key=lambda item: -item[1])
    told = ", ".join(f"{_LIMITS[kind]} {fraction:.0%}" for kind, fraction in parts if fraction >= _LEAST_TOLD)
    return f"{_LIMITS[found.limit]} (of a step: {told})"


def _per_dollar(found: Estimate, chips: int, quote: PriceQuote | None) -> float | None:
    if quote is None or quote.dollars_per_chip_hour <= 0:
        return None
    return found.tokens_per_second * _SECONDS_PER_HOUR / (chips * quote.dollars_per_chip_hour)


def _per_watt(found: Estimate, replica: Replica) -> float | None:
    watts = replica.accelerator.power_watts
    return None if not watts else found.tokens_per_second / (replica.layout.chips * watts)


def _ranged(seconds: float, fraction: float) -> dict[str, float]:
    return {
        "mean": _figure(seconds * 1000),
        "low": _figure(seconds * 1000 * exp(-fraction)),
        "high": _figure(seconds * 1000 * exp(fraction)),
    }


def _told(seconds: float, fraction: float) -> str:
    each = [decimal(seconds * 1000 * exp(way * fraction), 3) for way in (0, -1, 1)]
    return f"{each[0]} ms ({each[1]} to {each[2]})"


def _figure(value: float) -> float:
    return float(f"{value:.4g}")
