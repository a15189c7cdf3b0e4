"""Look-ups by name, and what they say when there is no such name."""

import pytest

from quartermaster.catalog.catalog import UnknownNameError
from quartermaster.catalog.load import load_catalog

CATALOG = load_catalog()


def test_an_unknown_accelerator_is_answered_with_names_that_come_close() -> None:
    """The message tells what to write instead."""
    with pytest.raises(UnknownNameError, match="did you mean nvidia-h100-sxm") as error:
        CATALOG.accelerator("nvidia-h100-sxn")
    assert error.value.close[0] == "nvidia-h100-sxm"


def test_an_unknown_model_or_engine_names_its_kind() -> None:
    """The message says what was looked for."""
    with pytest.raises(UnknownNameError, match="model 'gpt-5' is not in the catalog"):
        CATALOG.model("gpt-5")
    with pytest.raises(UnknownNameError, match="engine 'Ollama' is not in the catalog"):
        CATALOG.engine("Ollama")


def test_names_find_what_they_name() -> None:
    """Each kind by its own name."""
    assert CATALOG.accelerator("aws-inferentia2").resource_name == "aws.amazon.com/neuron"
    assert CATALOG.model("qwen3-8b").repository == "Qwen/Qwen3-8B"
    assert CATALOG.engine("TensorRTLLM").metric_dialect == "trtllm"
