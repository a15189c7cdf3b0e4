"""The traps of the sources: figures that marketing, units or duplicates would get wrong. One test each."""

import pytest

from quartermaster.catalog.load import load_catalog
from quartermaster.catalog.vocabulary import EngineName, Precision, Support

CATALOG = load_catalog()
MEBI = 1 << 20
GIBI = 1 << 30


@pytest.mark.parametrize(
    ("name", "mebibytes"),
    [
        ("nvidia-b300", 275_040),
        ("nvidia-gb200", 189_471),
        ("nvidia-gb300", 284_208),
        ("nvidia-l4", 22_888),
        ("nvidia-l40s", 46_068),
        ("nvidia-h200-sxm", 144_384),
    ],
)
def test_memory_is_what_the_driver_reports_not_what_marketing_says(name: str, mebibytes: int) -> None:
    """A model that fits 288 GB need not fit a B300."""
    accelerator = CATALOG.accelerator(name)
    assert accelerator.memory_bytes == mebibytes * MEBI
    assert accelerator.is_memory_reported


def test_a_card_of_four_socs_is_described_by_one_soc() -> None:
    """qualcomm.com/qaic counts SoCs, so that one unit has a quarter of the card."""
    soc = CATALOG.accelerator("qualcomm-ai100-ultra")
    assert soc.memory_bytes == 32 * GIBI
    assert soc.memory_bandwidth_bytes_per_second == 137e9
    assert soc.flops_per_second_by_format[Precision.BF16] == 72.5e12
    assert soc.power_watts == 37.5


def test_int8_is_cut_on_blackwell_ultra() -> None:
    """INT8-quantised models lose on B300 and GB300, although FP8 and FP4 gain."""
    for name in ("nvidia-b300", "nvidia-gb300"):
        flops = CATALOG.accelerator(name).flops_per_second_by_format
        assert flops[Precision.INT8] < flops[Precision.BF16] / 10
        assert flops[Precision.FP4] > flops[Precision.FP8]


def test_tpu_v5p_and_v6e_gain_nothing_from_fp8() -> None:
    """They list the same number for bf16 and fp8; v6e gains from int8."""
    for name in ("google-tpu-v5p", "google-tpu-v6e"):
        flops = CATALOG.accelerator(name).flops_per_second_by_format
        assert flops[Precision.FP8] == flops[Precision.BF16]
    assert CATALOG.accelerator("google-tpu-v6e").flops_per_second_by_format[Precision.INT8] == 1836e12


def test_fp4_of_the_mi350_series_is_counted_dense() -> None:
    """The vendor's figure does not say dense or sparse; half of it is used, and marked as derived."""
    chip = CATALOG.accelerator("amd-mi355x")
    assert chip.flops_per_second_by_format[Precision.FP4] == 10_050e12
    assert "derived" in chip.provenance_by_field["FP4"].sources


def test_a_missing_format_stays_missing() -> None:
    """An A100 has no fp8 arithmetic: nothing is invented for it."""
    assert Precision.FP8 not in CATALOG.accelerator("nvidia-a100-sxm-80").flops_per_second_by_format
    assert CATALOG.accelerator("qualcomm-ai200").memory_bandwidth_bytes_per_second is None


def test_the_40_gigabyte_pcie_a100_is_not_taken_for_the_80_gigabyte_one() -> None:
    """Their product strings differ, and so does what fits."""
    values = [v for s in CATALOG.accelerator("nvidia-a100-pcie-80").selectors for v in s.values]
    assert "NVIDIA-A100-PCIE-40GB" not in values
    assert "NVIDIA-A100-80GB-PCIe" in values


def test_confidential_computing_is_unknown_where_nothing_was_read() -> None:
    """Unknown is not unsupported: A100 is known to lack it, MI300X is not known either way."""
    assert CATALOG.accelerator("nvidia-h100-sxm").confidential_computing is Support.SUPPORTED
    assert CATALOG.accelerator("nvidia-a100-sxm-80").confidential_computing is Support.UNSUPPORTED
    assert CATALOG.accelerator("amd-mi300x").confidential_computing is Support.UNKNOWN
    assert CATALOG.accelerator("nvidia-gb200").confidential_computing is Support.UNKNOWN


def test_grace_nodes_are_arm() -> None:
    """An image for amd64 would not start there."""
    assert CATALOG.accelerator("nvidia-gb200").node_architecture == "arm64"
    assert CATALOG.accelerator("nvidia-b200").node_architecture == "amd64"


def test_model_support_is_a_relation_of_model_accelerator_and_engine() -> None:
    """DeepSeek V4 does not run on MI300X under vLLM; V4 Pro not on MI325X either."""
    flash, pro = CATALOG.model("deepseek-v4-flash"), CATALOG.model("deepseek-v4-pro")
    assert flash.unsupported_on("amd-mi300x", EngineName.VLLM)
    assert pro.unsupported_on("amd-mi325x", EngineName.VLLM)
    assert not flash.unsupported_on("amd-mi325x", EngineName.VLLM)
    assert not flash.unsupported_on("amd-mi300x", EngineName.SGLANG), "nothing was read about SGLang"


def test_latent_attention_is_told_apart() -> None:
    """Its cache is small and not split among ranks."""
    deepseek, llama = CATALOG.model("deepseek-r1"), CATALOG.model("llama-3.3-70b-instruct")
    assert deepseek.mla
    assert deepseek.layers
    assert deepseek.kv_bytes_per_token == deepseek.layers * (512 + 64) * 2 == 70_272
    assert llama.mla is None
    assert llama.kv_bytes_per_token == 2 * 80 * 8 * 128 * 2


def test_hybrid_models_count_only_the_layers_whose_cache_grows() -> None:
    """Qwen 3.5 keeps a fixed state in most of its layers."""
    model = CATALOG.model("qwen3.5-397b-a17b")
    assert model.kv_bytes_per_token == 2 * 15 * 2 * 256 * 2


def test_duplicate_weights_in_a_repository_are_not_counted_twice() -> None:
    """gpt-oss repositories hold the weights in two layouts."""
    assert CATALOG.model("gpt-oss-120b").weights_bytes(Precision.FP4) < 62 * GIBI
    assert CATALOG.model("gpt-oss-20b").weights_bytes(Precision.FP4) < 13 * GIBI


def test_the_size_of_unread_checkpoints_is_estimated_from_the_parameters() -> None:
    """A stated size wins; otherwise bytes per parameter."""
    llama = CATALOG.model("llama-3.1-8b-instruct")
    assert llama.weights_bytes(Precision.BF16) == round(14.96 * GIBI)
    assert llama.weights_bytes(Precision.FP8) == round(8.03e9 * 1.03)


@pytest.mark.parametrize("name", sorted(CATALOG.models_by_name))
def test_stated_sizes_agree_with_the_parameters(name: str) -> None:
    """A stated checkpoint is within a fifth of the estimate: a wrong unit or precision would stand out."""
    model = CATALOG.models_by_name[name]
    estimator = CATALOG.model("llama-3.1-405b-instruct")
    for precision, stated in model.weights_bytes_by_precision.items():
        per_parameter = estimator.weights_bytes(precision) / estimator.parameters
        assert stated == pytest.approx(model.parameters * per_parameter, rel=0.21), precision


def test_what_was_not_read_of_a_model_is_none() -> None:
    """Nothing is invented for an architecture that was not read."""
    model = CATALOG.model("qwen3.8-2.4t-a95b")
    assert (model.layers, model.kv_heads, model.kv_bytes_per_token, model.licence) == (None, None, None, None)
    assert CATALOG.model("kimi-k3").active_parameters is None
