"""Builders of the resources that a person would apply. Documents only; nothing is sent from here."""

from collections.abc import Mapping, Sequence
from typing import Any

from quartermaster.api.names import API_VERSION

Object = dict[str, Any]

SMALL_MODEL = "llama-3.1-8b-instruct"
LARGE_MODEL = "llama-3.3-70b-instruct"


def wish(name: str, namespace: str, *, model: str = SMALL_MODEL, rate: str | None = "1", **spec: Any) -> Object:
    """Return an InferenceDeployment; ``rate`` is the declared load in requests/s of 500 tokens in and 200 out."""
    traffic = {} if rate is None else {"traffic": {"inputTokens": 500, "outputTokens": 200, "requestsPerSecond": rate}}
    return {
        "apiVersion": API_VERSION,
        "kind": "InferenceDeployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"model": {"name": model}, **traffic, **spec},
    }


def on(accelerator: str, *regions: str) -> Object:
    """Return the placement that allows one accelerator, in these regions only where any is named."""
    required = {"regions": {"required": list(regions)}} if regions else {}
    return {"accelerators": {"allow": {"names": [accelerator]}}, **required}


def shape(accelerator: str, *, chips: int = 1, precision: str = "BF16", engine: str | None = None) -> Object:
    """Return an explicit shape on an accelerator."""
    said = {"engine": engine} if engine else {}
    name = f"{accelerator}-{chips}"
    return {
        "name": name,
        "accelerator": accelerator,
        "precision": precision,
        "tensorParallelism": chips,
        **said,
    }


def pool(name: str, labels: Mapping[str, str], *, price: str | None = None, **spec: Any) -> Object:
    """Return an AcceleratorPool over the nodes with these labels; ``price`` is in dollars per chip and hour."""
    priced = {} if price is None else {"dollarsPerChipHour": price}
    return {
        "apiVersion": API_VERSION,
        "kind": "AcceleratorPool",
        "metadata": {"name": name},
        "spec": {"nodeSelector": dict(labels), **priced, **spec},
    }


def profile(name: str, *, accelerator: str, engine: str, **figures: Any) -> Object:
    """Return a ModelProfile of the small model in BF16 on one chip; ``figures`` take the place of its own."""
    spec = {
        "model": SMALL_MODEL,
        "accelerator": accelerator,
        "engine": engine,
        "precision": "BF16",
        "tensorParallelism": 1,
        "alphaSeconds": "0.02",
        "betaSecondsPerToken": "0.0001",
        "gammaSecondsPerToken": "0.0000001",
        "maxBatchSize": 8,
        "kvCapacityTokens": 60000,
        "evidence": "stated by a test; not a measurement",
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "ModelProfile",
        "metadata": {"name": name},
        "spec": {**spec, **figures},
    }


def names_of(items: Sequence[Object]) -> list[str]:
    """Return the names of objects, sorted."""
    return sorted(item["metadata"]["name"] for item in items)
