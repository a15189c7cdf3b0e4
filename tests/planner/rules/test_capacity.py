"""Rules on a shape: each refuses with message and remedy."""

from dataclasses import replace
from typing import Any

from quartermaster.api.v1alpha1.enums import EngineName, Precision
from quartermaster.catalog.facts import Provenance
from quartermaster.catalog.model import Experts, UnsupportedAccelerator
from quartermaster.planner.eligibility.candidates import candidates
from quartermaster.planner.fleet import Pool, Workload
from quartermaster.planner.plan import Rejection
from tests.planner.builders import (
    A100,
    DEEPSEEK_R1,
    H100,
    H200,
    L4,
    LLAMA_8B,
    LLAMA_70B,
    MI300X,
    TPU_V6E,
    TRAINIUM2,
    accelerator,
    fleet,
    host,
    hosts,
    model,
    pool,
    profile,
    workload,
)


def refusal(asked: Workload, offered: Pool) -> Rejection:
    """Return the only rejection."""
    admitted, refused = candidates(fleet(offered), [asked])
    assert not admitted
    (only,) = refused
    return only


def sizes(asked: Workload, offered: Pool) -> list[int]:
    """Return the chips of the admitted shapes."""
    return [c.shape.chips for c in candidates(fleet(offered), [asked])[0]]


def shaped(**shape: Any) -> dict[str, Any]:
    """Return a serving part with one explicit shape."""
    return {"serving": {"shapes": [{"name": "mine", **shape}]}}


def test_an_engine_that_does_not_run_on_the_chip_is_refused() -> None:
    """Asked for by the deployment, or by one shape."""
    found = refusal(workload(serving={"engine": "TensorRTLLM"}), pool(chip=MI300X))
    assert (found.rule, found.reason) == ("engine", "EngineNotOnChip")
    assert "VLLM, SGLang" in found.message
    assert found.remedy == "set spec.serving.engine to Auto"
    found = refusal(workload(**shaped(engine="VLLMTPU")), pool(chip=H100))
    assert (found.rule, found.shape_key) == ("engine", "mine-vllmtpu-bf16-tp1")


def test_a_pair_that_a_source_says_does_not_work_is_refused() -> None:
    """The message names the source."""
    statement = UnsupportedAccelerator(H100.name, EngineName.VLLM, Provenance(("vllm-recipes",), is_verified=True))
    asked = workload(served=model(unsupported=(statement,)), serving={"engine": "VLLM"})
    found = refusal(asked, pool(chip=H100))
    assert (found.rule, found.reason) == ("model-support", "ModelUnsupported")
    assert "vllm-recipes" in found.message
    assert found.remedy == "set spec.serving.engine to SGLang"


def test_auto_avoids_an_engine_that_cannot_run_the_model() -> None:
    """Another engine on the chip takes it."""
    statement = UnsupportedAccelerator(H100.name, EngineName.VLLM, Provenance(("vllm-recipes",), is_verified=True))
    admitted, _ = candidates(fleet(pool(chip=H100)), [workload(served=model(unsupported=(statement,)))])
    assert {c.shape.engine for c in admitted}.isdisjoint({EngineName.VLLM})
    assert admitted


def test_a_format_that_chip_and_engine_lack_is_refused() -> None:
    """FP4 on a TPU: neither native nor unpacked."""
    found = refusal(workload(model={"name": "x", "precision": "FP4"}), pool(chip=TPU_V6E))
    assert (found.rule, found.reason) == ("precision", "PrecisionUnsupported")
    assert "BF16" in found.remedy


def test_weights_in_eight_bits_are_unpacked_on_an_older_chip_at_its_own_speed() -> None:
    """FP8 on A100: admitted with vLLM, computed in BF16; TensorRT-LLM does not do it."""
    eight = {"name": "x", "precision": "FP8"}
    admitted, _ = candidates(fleet(pool(chip=A100)), [workload(model=eight, serving={"engine": "VLLM"})])
    assert {c.shape.precision for c in admitted} == {Precision.FP8}
    found = refusal(workload(model=eight, serving={"engine": "TensorRTLLM"}), pool(chip=A100))
    assert found.rule == "precision"


def test_a_pair_listed_as_tried_is_admitted_in_its_published_format() -> None:
    """MXFP4 on MI300X runs although the chip does not multiply it."""
    tried = model(native_precision=Precision.FP4, verified_accelerators=("amd-mi300x",))
    assert sizes(workload(served=tried), pool(chip=MI300X))
    untried = model(native_precision=Precision.FP4)
    assert refusal(workload(served=untried), pool(chip=MI300X)).rule == "precision"


def test_a_replica_that_spans_nodes_is_refused() -> None:
    """The remedy is the largest that fits one node."""
    found = refusal(workload(**shaped(tensorParallelism=8, pipelineParallelism=2)), pool(chip=H100, nodes=2))
    assert (found.rule, found.reason) == ("single-host", "SpansHosts")
    assert "16 chips" in found.message
    assert "8" in found.remedy


def test_a_slice_of_several_nodes_is_refused() -> None:
    """One pod cannot span it."""
    large = [host("slice", 16, is_whole=True, nodes=4)]
    found = refusal(workload(), pool(chip=TPU_V6E, nodes=large))
    assert (found.rule, found.reason) == ("single-host", "SpansHosts")
    assert "4 nodes" in found.message


def test_a_part_of_a_slice_is_refused() -> None:
    """A slice is taken whole."""
    found = refusal(workload(**shaped(tensorParallelism=4)), pool(chip=TPU_V6E, nodes=hosts(1, 8, is_whole=True)))
    assert (found.rule, found.reason) == ("single-host", "SliceNotWhole")
    assert found.remedy == "set tensorParallelism to 8"


def test_experts_are_shared_only_where_there_are_some() -> None:
    """More replicas do the same for a dense model."""
    found = refusal(workload(**shaped(dataParallelism=4, expertParallelism=4)), pool(chip=H100))
    assert (found.rule, found.reason) == ("experts", "NoExperts")
    assert "llama-3.1-8b-instruct is dense" in found.message
    assert "more replicas do the same" in found.remedy


def test_experts_that_do_not_divide_are_refused() -> None:
    """Sixty experts do not lie whole on eight chips."""
    mixture = replace(DEEPSEEK_R1, experts=Experts(60, 4, 2048, 58))
    found = refusal(workload(served=mixture, **shaped(tensorParallelism=8, expertParallelism=8)), pool(chip=H200))
    assert (found.rule, found.reason) == ("experts", "ExpertsNotDivisible")
    assert "60 experts" in found.message
    assert "divide 60" in found.remedy


def test_a_replica_of_several_attention_ranks_takes_their_chips_and_their_memory() -> None:
    """Eight ranks hold the attention eight times; on smaller chips, that is too much, and ranks are made wider."""
    ranks = shaped(dataParallelism=8, expertParallelism=8)
    admitted, _ = candidates(fleet(pool(chip=H200)), [workload(served=DEEPSEEK_R1, **ranks)])
    assert [c.shape.chips for c in admitted] == [8]
    assert admitted[0].shape.key == "mine-vllm-fp8-tp1-dp8-ep"
    found = refusal(workload(served=DEEPSEEK_R1, **ranks), pool(chip=H100, nodes=[host("large", 16)]))
    assert (found.rule, found.reason) == ("memory", "DoesNotFit")
    assert found.remedy == "raise tensorParallelism from 1 to 2"
    found = refusal(workload(served=DEEPSEEK_R1, **shaped(tensorParallelism=2, dataParallelism=8)), pool(chip=H200))
    assert "16 chips" in found.message
    assert "dataParallelism to 8" in found.remedy


def test_attention_ranks_hold_more_requests_of_a_latent_cache() -> None:
    """The throughput counts it: at long contexts, eight ranks serve more than eight chips in one rank."""
    rate_by_key = {}
    for how in ({"tensorParallelism": 8}, {"dataParallelism": 8, "expertParallelism": 8}):
        asked = workload(served=DEEPSEEK_R1, tokens=(16_000.0, 1000.0), **shaped(**how))
        admitted, _ = candidates(fleet(pool(chip=H200)), [asked])
        rate_by_key[admitted[0].shape.key] = admitted[0].throughput
    split, ranks = rate_by_key["mine-vllm-fp8-tp8"], rate_by_key["mine-vllm-fp8-tp1-dp8-ep"]
    assert ranks.max_batch_size > 2 * split.max_batch_size
    assert ranks.requests_per_second > 1.2 * split.requests_per_second


def test_heads_that_do_not_divide_are_refused() -> None:
    """Ten key-value heads do not split in four."""
    odd = model(query_heads=40, kv_heads=10)
    found = refusal(workload(served=odd, **shaped(tensorParallelism=4)), pool(chip=H100))
    assert (found.rule, found.reason) == ("parallelism", "HeadsNotDivisible")
    assert found.remedy == "set tensorParallelism to one of 1, 2"


def test_heads_that_do_not_divide_are_not_tried() -> None:
    """Found shapes skip what cannot be split."""
    assert sizes(workload(served=model(query_heads=40, kv_heads=10)), pool(chip=H100)) == [1, 2]


def test_a_model_that_does_not_fit_is_refused_with_the_figures() -> None:
    """Weights, what the chips offer, and what is left for the cache."""
    found = refusal(workload(served=DEEPSEEK_R1), pool(chip=H100))
    assert (found.rule, found.reason) == ("memory", "DoesNotFit")
    assert found.shape_key == "vllm-fp8-tp8"
    assert "644 GiB of FP8 weights" in found.message
    assert "8 × nvidia-h100-sxm offer" in found.message
    assert found.remedy == "set spec.model.precision to FP4: weights 644 GiB → 391 GiB"


def test_the_remedy_for_memory_is_more_chips_where_the_node_has_them() -> None:
    """An explicit shape that is too small."""
    found = refusal(workload(served=LLAMA_70B, **shaped(tensorParallelism=1)), pool(chip=H100))
    assert found.remedy == "raise tensorParallelism from 1 to 4"


def test_the_remedy_for_memory_is_a_shorter_sequence_where_weights_fit() -> None:
    """The cache of one long sequence is what does not fit."""
    found = refusal(workload(serving={"maxContextTokens": 131072}), pool(chip=L4, nodes=hosts(1, 1)))
    assert found.remedy.startswith("lower spec.serving.maxContextTokens to ")


def test_a_model_without_facts_of_its_cache_is_refused() -> None:
    """Whether it fits cannot be known."""
    found = refusal(workload(served=model(kv_bytes_per_token=None)), pool())
    assert (found.rule, found.reason) == ("memory", "ModelFactsMissing")


def test_a_chip_without_figures_is_refused_unless_it_was_measured() -> None:
    """No bandwidth, no estimate; a profile says it all."""
    dark = accelerator(memory_bandwidth_bytes_per_second=None)
    found = refusal(workload(), pool(chip=dark))
    assert (found.rule, found.reason) == ("speed-facts", "SpeedUnknown")
    admitted, _ = candidates(fleet(pool(chip=dark), profiles=[profile()]), [workload()])
    assert [c.shape.chips for c in admitted] == [1]


def test_objectives_that_a_chip_cannot_hold_are_refused_with_what_it_can() -> None:
    """Both latencies, each with what one request alone needs."""
    found = refusal(workload(objectives={"interTokenLatencyMilliseconds": 20}), pool(chip=L4, nodes=hosts(1, 1)))
    assert (found.rule, found.reason) == ("objectives", "InterTokenLatencyTooLong")
    assert "(estimated)" in found.message
    found = refusal(workload(objectives={"timeToFirstTokenMilliseconds": 20}), pool(chip=L4, nodes=hosts(1, 1)))
    assert found.reason == "TimeToFirstTokenTooLong"
    assert found.remedy.startswith("raise spec.objectives.timeToFirstTokenMilliseconds to at least ")


def test_a_replica_above_the_ceiling_is_refused() -> None:
    """The remedy is its price."""
    found = refusal(workload(budget={"maxDollarsPerHour": "1.50"}), pool(chip=H100, price=5.0))
    assert (found.rule, found.reason) == ("budget", "OverBudget")
    assert found.remedy.startswith("raise spec.budget.maxDollarsPerHour to ")


def test_found_shapes_are_the_smallest_that_fits_and_at_most_two_larger() -> None:
    """Powers of two, up to the node."""
    assert sizes(workload(), pool(chip=H100)) == [1, 2, 4]
    assert sizes(workload(served=LLAMA_70B), pool(chip=H100)) == [4, 8]
    assert sizes(workload(served=LLAMA_70B), pool(chip=H200)) == [2, 4, 8]
    assert sizes(workload(), pool(chip=TPU_V6E, nodes=hosts(2, 8, is_whole=True))) == [8]
    assert sizes(workload(served=LLAMA_8B), pool(chip=TRAINIUM2, nodes=hosts(1, 16))) == [1, 2, 4]


def test_explicit_shapes_are_tried_on_their_accelerator_only() -> None:
    """A pool without a shape is refused by name."""
    asked = workload(**shaped(accelerator="nvidia-h100-sxm", tensorParallelism=2))
    assert sizes(asked, pool(chip=H100)) == [2]
    found = refusal(asked, pool(chip=H200))
    assert (found.rule, found.reason) == ("shape-accelerator", "NoShapeForAccelerator")
    assert found.remedy == "add a shape for nvidia-h200-sxm to spec.serving.shapes"
