"""The catalog against the collected facts that it was written from, where those are at hand.

``QUARTERMASTER_DATA`` names the folder that holds ``catalog/``. What the catalog states differently on purpose is named
here, each with its reason.
"""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from quartermaster.catalog.load import load_catalog

CATALOG = load_catalog()
UNITS = {"qualcomm-ai100-ultra": 4, "amd-mi250": 2, "huawei-ascend-910c": 2}
"""Packages that offer several units of their resource: the catalog describes one unit."""

ADDED_FORMATS = {("nvidia-b300", "int8"), ("nvidia-gb300", "int8")}
"""Stated in the notes of the collection, not in its table."""

HALVED_WEIGHTS = {"gpt-oss-20b", "gpt-oss-120b"}
"""Repositories that hold the weights twice."""


def _load(name: str) -> Any:
    folder = os.environ.get("QUARTERMASTER_DATA")
    path = Path(folder or "unset") / "catalog" / name
    if not path.is_file():
        pytest.skip(f"{path} is not there; set QUARTERMASTER_DATA to the folder that holds catalog/{name}")
    return yaml.load(path.read_text("utf-8"), Loader=yaml.CSafeLoader)


def test_every_accelerator_is_there_with_the_same_figures() -> None:
    """Memory as the driver reports it, bandwidth, arithmetic, power and resource."""
    for theirs in _load("accelerators.yaml")["accelerators"]:
        ours, units = CATALOG.accelerator(theirs["id"]), UNITS.get(theirs["id"], 1)
        usable = theirs.get("usable_mib")
        memory = usable["mib"] * (1 << 20) if usable else theirs["memory_gib"] * (1 << 30)
        assert ours.memory_bytes * units == pytest.approx(memory, rel=1e-6), theirs["id"]
        bandwidth = theirs["memory_bw_gbs"]
        stated = ours.memory_bandwidth_bytes_per_second
        assert (stated is None) == (bandwidth is None), theirs["id"]
        assert stated is None or stated * units == pytest.approx(bandwidth * 1e9), theirs["id"]
        flops = {f.value.lower(): v * units / 1e12 for f, v in ours.flops_per_second_by_format.items()}
        flops = {f: v for f, v in flops.items() if (theirs["id"], f) not in ADDED_FORMATS}
        assert flops == pytest.approx({f: v for f, v in theirs["tflops_dense"].items() if v is not None}), theirs["id"]
        assert (ours.power_watts or 0) * units == (theirs["tdp_w"] or 0), theirs["id"]
        assert ours.scale_up_chips == (theirs["scaleup"]["chips"] or 1), theirs["id"]
        resource = theirs["k8s"]["resource"]
        assert ours.resource_name == (None if resource == "none published" else resource), theirs["id"]


def test_a_figure_that_was_not_verified_is_not_verified_here() -> None:
    """The marks of the collection are kept."""
    names = {"memory_bw_gbs": "memory_bandwidth_bytes_per_second", "tdp_w": "power_watts", "bf16": "BF16", "fp8": "FP8"}
    for theirs in _load("accelerators.yaml")["accelerators"]:
        ours = CATALOG.accelerator(theirs["id"])
        for key, source in theirs["src"].items():
            field = names.get(key)
            if field is not None and field in ours.provenance_by_field:
                assert ours.is_verified(field) == ("unverified" not in source), (theirs["id"], key)


def test_every_listed_price_is_there() -> None:
    """Per instance, in its region."""
    for theirs in _load("accelerators.yaml")["accelerators"]:
        ours = CATALOG.accelerator(theirs["id"])
        listed = {(p.provider.value, p.region, p.instance): p for p in ours.prices if p.capacity_type == "OnDemand"}
        for cloud in theirs["clouds"]:
            if cloud.get("usd_per_chip_hour") is None:
                continue
            price = listed[cloud["provider"], cloud["region"], cloud["instance"].split(" (")[0]]
            assert price.dollars_per_instance_hour == pytest.approx(cloud["usd_per_hour"], rel=1e-3), theirs["id"]
            assert price.chips == cloud["chips"]


def test_every_model_is_there_with_the_same_figures() -> None:
    """Size, shape, cache and context."""
    for theirs in _load("models.yaml")["models"]:
        ours = CATALOG.model(theirs["id"])
        assert ours.repository == theirs["hf_repo"]
        assert ours.parameters == pytest.approx(theirs["params_b"] * 1e9)
        assert (ours.active_parameters or 0) == pytest.approx((theirs["active_params_b"] or 0) * 1e9)
        assert (ours.layers, ours.hidden_size) == (theirs["layers"], theirs["hidden_size"])
        assert (ours.query_heads, ours.kv_heads, ours.head_dimension) == (
            theirs["q_heads"],
            theirs["kv_heads"],
            theirs["head_dim"],
        )
        assert ours.kv_bytes_per_token == theirs["kv_bytes_per_token_bf16"]
        assert ours.context_tokens == theirs["context"]
        assert ours.licence == theirs["license"]
        if theirs.get("weights_gib") and theirs["id"] not in HALVED_WEIGHTS:
            (weights,) = ours.weights_bytes_by_precision.values()
            assert weights == pytest.approx(theirs["weights_gib"] * (1 << 30), rel=1e-6)


def test_every_region_is_there_with_its_country() -> None:
    """And with the same unions, written our way."""
    for theirs in _load("regions.yaml")["regions"]:
        ours = CATALOG.region(theirs["region"], theirs["cloud"])
        assert ours, theirs["region"]
        assert (ours.country, ours.continent, ours.partition) == (
            theirs["country"],
            theirs["continent"],
            theirs["partition"],
        )
        assert {j.lower() for j in ours.jurisdictions} - {"gb"} == set(theirs["jurisdictions"]), theirs["region"]
        carbon = theirs["carbon"]["gco2_per_kwh"]
        assert (ours.carbon and ours.carbon.grams_per_kwh) == carbon
        assert ours.provenance.is_verified or "unverified" in ours.provenance.sources
