"""Names that people and tables of measurements use."""

import pytest

from quartermaster.catalog.catalog import UnknownNameError
from quartermaster.catalog.naming import find_accelerator, find_engine, find_model


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("deepseek-r1", "deepseek-r1"),
        ("deepseek-ai/DeepSeek-R1", "deepseek-r1"),
        ("nvidia/DeepSeek-R1-NVFP4", "deepseek-r1"),
        ("nvidia/DeepSeek-V3.1-NVFP4", "deepseek-v3-0324"),
        ("zhipuai/GLM-5", "glm-5.1"),
        ("zai-org/GLM-4.7-FP8", "glm-4.6"),
        ("moonshotai/Kimi-K2.5", "kimi-k2.6"),
        ("MiniMaxAI/MiniMax-M2.5", "minimax-m2.7"),
        ("Qwen/Qwen3-235B-A22B-FP8", "qwen3-235b-a22b"),
        ("Qwen/Qwen3-30B-A3B-FP8", "qwen3-30b-a3b"),
        ("meta-llama/Llama-3.1-70B", "llama-3.3-70b-instruct"),
        ("nvidia/Llama-3.1-405B-Instruct-FP4", "llama-3.1-405b-instruct"),
        ("openai/gpt-oss-20b", "gpt-oss-20b"),
    ],
)
def test_a_model_is_found_by_its_repositories(name: str, model: str) -> None:
    """Its own, one alike, a quantised copy of another owner."""
    assert find_model(name).name == model


@pytest.mark.parametrize(
    ("name", "accelerator"),
    [
        ("h100_sxm", "nvidia-h100-sxm"),
        ("H200", "nvidia-h200-sxm"),
        ("b200_sxm", "nvidia-b200"),
        ("b300_sxm", "nvidia-b300"),
        ("gb200", "nvidia-gb200"),
        ("gb300", "nvidia-gb300"),
        ("a100_sxm", "nvidia-a100-sxm-80"),
        ("l40s", "nvidia-l40s"),
        ("mi300x", "amd-mi300x"),
        ("tpu-v6e", "google-tpu-v6e"),
    ],
)
def test_an_accelerator_is_found_by_its_aliases(name: str, accelerator: str) -> None:
    """As tables write it, with or without its vendor."""
    assert find_accelerator(name).name == accelerator


@pytest.mark.parametrize(("name", "engine"), [("trtllm", "TensorRTLLM"), ("vLLM", "VLLM"), ("sglang", "SGLang")])
def test_an_engine_is_found_by_its_aliases(name: str, engine: str) -> None:
    """In any case."""
    assert find_engine(name).name.value == engine


def test_an_unknown_name_is_told_what_comes_close() -> None:
    """And nothing is guessed."""
    with pytest.raises(UnknownNameError, match="did you mean"):
        find_model("deepseek-r2")
    for find in (find_accelerator, find_engine):
        with pytest.raises(UnknownNameError, match="is not in the catalog"):
            find("xyz")
