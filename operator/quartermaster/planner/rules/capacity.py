"""Rules on one shape: engine, precision, chips, memory, speed, money. Every message carries the figures compared."""

from dataclasses import replace

from quartermaster.api.v1alpha1.enums import EngineName, Precision
from quartermaster.planner.fleet import Shape
from quartermaster.planner.rules.rule import Finding, Reads, ShapeCase, ShapeRule, listed
from quartermaster.planner.rules.shapes import is_divisible
from quartermaster.planner.throughput.fit import latency_alone
from quartermaster.planner.throughput.memory import (
    memory_fit,
    narrower_precisions,
    served_context_tokens,
    smallest_parallelism,
)
from quartermaster.planner.throughput.roofline import is_native

GIBIBYTE = 2**30

# Weights in a format that the chip does not multiply itself, unpacked to BF16 on the way (vLLM, "Quantization",
# supported hardware, v0.14 and v0.32, read 2026-11-21: Marlin kernels for AWQ, GPTQ, FP8 and FP4 on NVIDIA from
# Ampere on; SGLang uses the same kernels. TensorRT-LLM, precision support matrix: INT4 and INT8 weights only).
WEIGHT_ONLY: dict[tuple[str, EngineName], frozenset[Precision]] = {
    ("nvidia", EngineName.VLLM): frozenset({Precision.FP8, Precision.INT8, Precision.INT4, Precision.FP4}),
    ("nvidia", EngineName.SGLANG): frozenset({Precision.FP8, Precision.INT8, Precision.INT4, Precision.FP4}),
    ("nvidia", EngineName.TENSORRT_LLM): frozenset({Precision.INT8, Precision.INT4}),
}


def engine(case: ShapeCase) -> Finding | None:
    """The engine runs on the chip."""
    if case.shape.engine in case.accelerator.engines:
        return None
    return Finding(
        "EngineNotOnChip",
        f"wanted {case.shape.engine.value}; on {case.accelerator.name} run "
        f"{listed(e.value for e in case.accelerator.engines)} (catalog)",
        f"set spec.serving.engine to Auto or {case.accelerator.engines[0].value}"
        if case.accelerator.engines
        else "use it as an external pool",
    )


def model_support(case: ShapeCase) -> Finding | None:
    """No source says that the engine cannot run the model on the chip."""
    statement = case.workload.model.unsupported_on(case.accelerator.name, case.shape.engine)
    if statement is None:
        return None
    others = [e.value for e in case.accelerator.engines if e is not case.shape.engine]
    return Finding(
        "ModelUnsupported",
        f"{case.shape.engine.value} does not run {case.workload.model.name} on {case.accelerator.name} "
        f"(catalog: {listed(statement.provenance.sources)})",
        f"set spec.serving.engine to {others[0]}" if others else "use another accelerator",
    )


def precision(case: ShapeCase) -> Finding | None:
    """The chip multiplies the format, or the engine unpacks it, or vLLM's recipes list the pair as tried."""
    wanted = case.shape.precision
    if is_native(case.accelerator, wanted):
        return None
    if wanted in WEIGHT_ONLY.get((case.accelerator.vendor.casefold(), case.shape.engine), frozenset()):
        return None
    model = case.workload.model
    if wanted is model.native_precision and case.accelerator.name in model.verified_accelerators:
        return None
    native = [p.value for p in case.accelerator.flops_per_second_by_format]
    return Finding(
        "PrecisionUnsupported",
        f"wanted {wanted.value}; {case.accelerator.name} computes {listed(native)} (catalog), and "
        f"{case.shape.engine.value} does not unpack {wanted.value} there",
        f"set spec.model.precision to {native[0]}, with weights in that format" if native else "use another chip",
    )


def single_host(case: ShapeCase) -> Finding | None:
    """A replica sits in one node, or takes the whole of a slice that is one node."""
    chips = case.shape.chips
    whole = [host for host in case.pool.hosts if host.is_whole]
    if whole:
        if any(host.chips == chips and host.nodes == 1 for host in whole):
            return None
        if any(host.chips == chips for host in whole):
            nodes = min(host.nodes for host in whole if host.chips == chips)
            return Finding(
                "SpansHosts",
                f"wanted a replica on one node; a slice of {case.pool.name} is {nodes} nodes",
                "use slices of one node, such as topology 2x4 of TPU v5e and v6e",
            )
        return Finding(
            "SliceNotWhole",
            f"wanted {chips} chips; slices of {case.pool.name} are taken whole, with "
            f"{listed(str(host.chips) for host in {h.chips: h for h in whole}.values())} chips",
            f"set tensorParallelism to {whole[0].chips}",
        )
    largest = max((host.chips for host in case.pool.hosts), default=0)
    if chips <= largest:
        return None
    return Finding(
        "SpansHosts",
        f"wanted {chips} chips in one node; the largest node of {case.pool.name} has {largest}",
        f"lower {_product(case.shape)} to {largest}, or use a pool with nodes of {chips} chips",
    )


def _product(shape: Shape) -> str:
    factors = ["tensorParallelism", "pipelineParallelism", *(["dataParallelism"] if shape.data_parallelism > 1 else [])]
    return " · ".join(factors)


def experts(case: ShapeCase) -> Finding | None:
    """Experts are shared only where there are some, and evenly."""
    model, shape = case.workload.model, case.shape
    if shape.data_parallelism == shape.expert_parallelism == 1:
        return None
    if (model.active_parameters or model.parameters) >= model.parameters:
        return Finding(
            "NoExperts",
            f"wanted a mixture of experts for dataParallelism {shape.data_parallelism} and expertParallelism "
            f"{shape.expert_parallelism}; {model.name} is dense (all {model.parameters / 1e9:.4g} billion parameters "
            "work on every token)",
            "remove dataParallelism and expertParallelism from the shape: more replicas do the same",
        )
    if model.experts is None or model.experts.count % shape.expert_parallelism == 0:
        return None
    return Finding(
        "ExpertsNotDivisible",
        f"wanted expertParallelism {shape.expert_parallelism}; {model.name} has {model.experts.count} experts in a "
        "layer, which it does not divide evenly",
        f"leave expertParallelism out, or make tensorParallelism · dataParallelism divide {model.experts.count}",
    )


def parallelism(case: ShapeCase) -> Finding | None:
    """Attention heads can be split evenly."""
    model, tensor = case.workload.model, case.shape.tensor_parallelism
    if is_divisible(model, tensor):
        return None
    possible = [t for t in (1, 2, 4, 8, 16, 32) if is_divisible(model, t)]
    return Finding(
        "HeadsNotDivisible",
        f"wanted tensor parallelism {tensor}; {model.name} has {model.query_heads} query heads and {model.kv_heads} "
        "key-value heads, which it does not split evenly",
        f"set tensorParallelism to one of {', '.join(map(str, possible))}",
    )


def memory(case: ShapeCase) -> Finding | None:
    """Weights and the cache of one sequence of the served length fit."""
    model, chips = case.workload.model, case.shape.chips
    tokens = served_context_tokens(case.workload)
    if case.timing is not None and case.timing.kv_capacity_tokens >= tokens:
        return None
    fit = memory_fit(model, case.accelerator, case.shape)
    if fit is None:
        return Finding(
            "ModelFactsMissing",
            f"wanted the cache per token of {model.name}, to know whether it fits; the catalog has no such figure",
            "state the model's facts in spec.model.facts, or apply a ModelProfile",
        )
    if fit.kv_capacity_tokens >= tokens:
        return None
    have = f"{chips} × {case.accelerator.name} offer {fit.usable_bytes / GIBIBYTE:.0f} GiB"
    return Finding(
        "DoesNotFit",
        f"wanted {fit.weights_bytes / GIBIBYTE:.0f} GiB of {case.shape.precision.value} weights and a cache of "
        f"{tokens} tokens; {have}, which leaves room for {fit.kv_capacity_tokens} tokens",
        lambda: _memory_remedy(case, tokens),
    )


def _memory_remedy(case: ShapeCase, tokens: int) -> str:
    model, shape = case.workload.model, case.shape
    fit = memory_fit(model, case.accelerator, shape)
    if fit is not None and fit.kv_capacity_tokens >= model_floor_tokens(case):
        return f"lower spec.serving.maxContextTokens to {fit.kv_capacity_tokens}"
    largest = max((host.chips for host in case.pool.hosts), default=0)
    needed, ranks = smallest_parallelism(model, case.accelerator, shape, tokens=tokens), shape.data_parallelism
    if needed is not None and needed > shape.tensor_parallelism and needed * ranks <= largest:
        return f"raise tensorParallelism from {shape.tensor_parallelism} to {needed}"
    for narrow in narrower_precisions(shape.precision):
        tensor = smallest_parallelism(model, case.accelerator, replace(shape, precision=narrow), tokens=tokens)
        if tensor is not None and tensor * ranks <= max(largest, shape.chips):
            before, after = model.weights_bytes(shape.precision), model.weights_bytes(narrow)
            return (
                f"set spec.model.precision to {narrow.value}: weights {before / GIBIBYTE:.0f} GiB → "
                f"{after / GIBIBYTE:.0f} GiB"
            )
    if needed is not None:
        return f"use nodes with at least {needed * ranks} × {case.accelerator.name}"
    return "use an accelerator with more memory"


def model_floor_tokens(case: ShapeCase) -> float:
    """Return the shortest sequence that still serves the mean request with room to spare."""
    return max(2048.0, 2 * (case.mix.input_tokens + case.mix.output_tokens))


def speed_facts(case: ShapeCase) -> Finding | None:
    """Some source says how fast it runs."""
    if case.timing is not None:
        return None
    return Finding(
        "SpeedUnknown",
        f"wanted the speed of {case.workload.model.name} on {case.accelerator.name}; the catalog lacks the bandwidth "
        "or arithmetic of the chip, or the layers of the model",
        f"apply a ModelProfile of {case.workload.model.name} on {case.accelerator.name}",
    )


def objectives(case: ShapeCase) -> Finding | None:
    """Some request rate holds the latency objectives."""
    if case.throughput is not None or case.timing is None:
        return None
    ttft, itl = (seconds * 1000 for seconds in latency_alone(case.timing, case.mix))
    wanted = case.workload.spec.objectives
    limit = wanted.time_to_first_token_milliseconds
    source = case.timing.source.value.lower()
    if limit is not None and ttft > limit:
        return Finding(
            "TimeToFirstTokenTooLong",
            f"wanted the first token within {limit} ms; {case.shape.key} on {case.accelerator.name} needs "
            f"{ttft:.0f} ms for a single request ({source})",
            f"raise spec.objectives.timeToFirstTokenMilliseconds to at least {ttft * 1.2:.0f}, or use more chips",
        )
    return Finding(
        "InterTokenLatencyTooLong",
        f"wanted {wanted.inter_token_latency_milliseconds} ms between tokens; {case.shape.key} on "
        f"{case.accelerator.name} needs {itl:.0f} ms for a single request ({source})",
        f"raise spec.objectives.interTokenLatencyMilliseconds to at least {itl * 1.2:.0f}, or use more chips",
    )


def budget(case: ShapeCase) -> Finding | None:
    """One replica costs no more than the deployment may."""
    ceiling = case.workload.spec.budget
    if ceiling is None or case.dollars_per_hour <= float(ceiling.max_dollars_per_hour):
        return None
    return Finding(
        "OverBudget",
        f"wanted at most {ceiling.max_dollars_per_hour} $/h; one replica of {case.shape.key} in {case.pool.name} costs "
        f"{case.dollars_per_hour:.2f} $/h ({case.pool.price_source.value.lower()} price)",
        f"raise spec.budget.maxDollarsPerHour to {case.dollars_per_hour:.2f}",
    )


RULES = (
    ShapeRule("engine", engine, Reads.FIT),
    ShapeRule("model-support", model_support, Reads.FIT),
    ShapeRule("precision", precision, Reads.FIT),
    ShapeRule("single-host", single_host, Reads.FIT),
    ShapeRule("experts", experts, Reads.FIT),
    ShapeRule("parallelism", parallelism, Reads.FIT),
    ShapeRule("memory", memory, Reads.FIT),
    ShapeRule("speed-facts", speed_facts, Reads.FIT),
    ShapeRule("objectives", objectives, Reads.RATE),
    ShapeRule("budget", budget, Reads.PRICE),
)
