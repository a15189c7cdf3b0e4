"""Which deployments may run where and how: every pool and shape judged by the rules. No choice among them.

External services are candidates by tenths: one replica of such a candidate is a tenth of the deployment's demand, paid
by the token.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from quartermaster.api.v1alpha1 import ModelProfileSpec
from quartermaster.catalog.accelerator import Accelerator
from quartermaster.planner.fit import Mix, ProfileKey, Timing, mix_of, profile_key, profiles_by_key, throughput, timing
from quartermaster.planner.fleet import External, Fleet, Pool, Shape, Source, Workload
from quartermaster.planner.plan import Candidate, Rejection, Throughput
from quartermaster.planner.rule import Finding, ShapeCase, ShapeRule, rejection
from quartermaster.planner.rules import POOL_RULES, SHAPE_RULES
from quartermaster.planner.shapes import FOUND_SHAPES, engine_for, external_shape, running_keys, shapes

EXTERNAL_UNITS = 10
"""Parts into which a deployment's demand is cut for external services."""
_SECONDS_PER_HOUR = 3600.0

Speed = tuple[Timing | None, Throughput | None]


@dataclass(slots=True)
class _Memo:
    """What is the same for every pool of one accelerator, within one call."""

    profiles: dict[ProfileKey, ModelProfileSpec]
    rules: tuple[ShapeRule, ...]
    speed_by_accelerator_and_shape: dict[tuple[str, Shape], Speed] = field(default_factory=dict)

    def speed(self, workload: Workload, accelerator: Accelerator, shape: Shape, *, mix: Mix) -> Speed:
        key = (accelerator.name, shape)
        if key not in self.speed_by_accelerator_and_shape:
            profile = self.profiles.get(profile_key(workload.model, accelerator, shape))
            known = timing(workload.model, accelerator, shape, mix=mix, profile=profile)
            cap = workload.spec.scaling.tokens_per_second_per_replica
            found = None
            if known is not None and known.kv_capacity_tokens > 0:
                found = throughput(known, mix, most_tokens_per_second=None if cap is None else float(cap))
            self.speed_by_accelerator_and_shape[key] = (known, found)
        return self.speed_by_accelerator_and_shape[key]


def candidates(
    fleet: Fleet, workloads: Sequence[Workload], *, further_rules: Sequence[ShapeRule] = (), explain_all: bool = False
) -> tuple[tuple[Candidate, ...], tuple[Rejection, ...]]:
    """Return every admissible candidate, and why the others are refused, both sorted.

    A pool that a rule refuses is reported once, by the first such rule. A shape is reported only when no shape of its
    pool is admitted, and then the one that came nearest; ``explain_all`` reports every refused shape and every rule
    that refuses a pool.
    """
    profiles = profiles_by_key(fleet.profiles)
    pools = sorted(fleet.pools, key=lambda pool: pool.name)
    good: list[Candidate] = []
    bad: list[Rejection] = []
    for workload in sorted(workloads, key=lambda w: w.key):
        memo = _Memo(profiles, (*SHAPE_RULES, *further_rules))
        for pool in pools:
            admitted, refused = _on_pool(workload, pool, fleet, memo=memo, explain_all=explain_all)
            good += admitted
            bad += refused
    return tuple(good), tuple(bad)


def _on_pool(
    workload: Workload, pool: Pool, fleet: Fleet, *, memo: _Memo, explain_all: bool
) -> tuple[list[Candidate], list[Rejection]]:
    refused: list[Rejection] = []
    for rule in POOL_RULES:
        finding = rule.check(workload, pool, fleet)
        if finding is not None:
            refused.append(rejection(workload, pool, None, rule=rule.name, finding=finding))
            if not explain_all:
                break
    if refused:
        return [], refused
    if pool.external is not None:
        return _external(workload, pool, pool.external)
    if pool.accelerator is None:
        return [], []
    return _on_chips(workload, pool, pool.accelerator, memo=memo, explain_all=explain_all)


def _on_chips(
    workload: Workload, pool: Pool, accelerator: Accelerator, *, memo: _Memo, explain_all: bool
) -> tuple[list[Candidate], list[Rejection]]:
    engine = engine_for(workload, accelerator, memo.profiles.keys())
    tried = shapes(workload, pool, accelerator, engine=engine)
    if not tried:
        rule, finding = _nothing_to_try(workload, accelerator)
        return [], [rejection(workload, pool, None, rule=rule, finding=finding)]
    most = len(tried) if workload.spec.serving.shapes else FOUND_SHAPES
    mix = mix_of(workload)
    kept = running_keys(workload, pool)
    admitted: list[Candidate] = []
    refused: list[tuple[int, int, Rejection]] = []
    for shape in tried:
        if len(admitted) >= most and shape.key not in kept:
            continue
        known, found = memo.speed(workload, accelerator, shape, mix=mix)
        dollars = (pool.dollars_per_chip_hour or 0.0) * shape.chips
        case = ShapeCase(workload, pool, accelerator, shape, mix, known, found, dollars)
        verdict = _judge(case, memo.rules)
        if verdict is not None:
            refused.append((verdict[0], shape.chips, verdict[1]))
        elif found is not None:
            admitted.append(_candidate(workload, pool, shape, found=found, dollars=dollars))
    if explain_all:
        return admitted, [r for _, _, r in refused]
    if admitted or not refused:
        return admitted, []
    return [], [max(refused, key=lambda entry: entry[:2])[2]]


def _judge(case: ShapeCase, rules: Sequence[ShapeRule]) -> tuple[int, Rejection] | None:
    """Return the first refusal and how far the shape came, or None when it is admitted."""
    for place, rule in enumerate(rules):
        finding = rule.check(case)
        if finding is not None:
            return place, rejection(case.workload, case.pool, case.shape, rule=rule.name, finding=finding)
    return None


def _nothing_to_try(workload: Workload, accelerator: Accelerator) -> tuple[str, Finding]:
    engine = workload.spec.serving.engine.value
    explicit = [shape for shape in workload.spec.serving.shapes if shape.accelerator not in {None, accelerator.name}]
    if explicit and len(explicit) == len(workload.spec.serving.shapes):
        named = ", ".join(sorted({str(shape.accelerator) for shape in explicit}))
        return "shape-accelerator", Finding(
            "NoShapeForAccelerator",
            f"wanted a shape for {accelerator.name}; spec.serving.shapes has shapes for {named} only",
            f"add a shape for {accelerator.name} to spec.serving.shapes",
        )
    running = ", ".join(e.value for e in accelerator.engines)
    return "engine", Finding(
        "EngineNotOnChip",
        f"wanted engine {engine}; on {accelerator.name} run {running or 'no engines of ours'} (catalog)",
        "set spec.serving.engine to Auto" if running else "use it as an external pool",
    )


def _candidate(workload: Workload, pool: Pool, shape: Shape, *, found: Throughput, dollars: float) -> Candidate:
    return Candidate(
        workload=workload.key,
        pool=pool.name,
        cluster=pool.cluster,
        region=pool.region,
        accelerator=pool.accelerator_name,
        shape=shape,
        throughput=found,
        dollars_per_hour=dollars,
        is_external=pool.external is not None,
    )


def _external(workload: Workload, pool: Pool, service: External) -> tuple[list[Candidate], list[Rejection]]:
    """Return the candidate for a tenth of the demand; refused where the service does not promise the objectives."""
    shape = external_shape(workload)
    mix = mix_of(workload)
    finding = _broken_promise(pool, service, mix)
    if finding is not None:
        return [], [rejection(workload, pool, shape, rule="objectives", finding=finding)]
    rate = workload.demand.requests_per_second / EXTERNAL_UNITS
    found = Throughput(
        requests_per_second=rate,
        tokens_per_second=rate * mix.output_tokens,
        time_to_first_token_seconds=service.time_to_first_token_seconds or 0.0,
        inter_token_latency_seconds=service.inter_token_latency_seconds or 0.0,
        max_batch_size=0,
        kv_capacity_tokens=0,
        source=Source.DECLARED,
    )
    per_request = (
        mix.input_tokens * service.dollars_per_million_input_tokens
        + mix.output_tokens * service.dollars_per_million_output_tokens
    ) / 1e6
    dollars = rate * _SECONDS_PER_HOUR * per_request
    return [_candidate(workload, pool, shape, found=found, dollars=dollars)], []


def _broken_promise(pool: Pool, service: External, mix: Mix) -> Finding | None:
    for wanted, promised, what, field_name in (
        (
            mix.time_to_first_token_seconds,
            service.time_to_first_token_seconds,
            "the first token within",
            "timeToFirstTokenMilliseconds",
        ),
        (
            mix.inter_token_latency_seconds,
            service.inter_token_latency_seconds,
            "an inter-token latency of",
            "interTokenLatencyMilliseconds",
        ),
    ):
        if wanted is None:
            continue
        if promised is None:
            return Finding(
                "LatencyNotPromised",
                f"wanted {what} {wanted * 1000:.0f} ms; {pool.name} promises nothing",
                f"state external.{field_name} on AcceleratorPool {pool.name}",
            )
        if promised > wanted:
            return Finding(
                "LatencyTooLong",
                f"wanted {what} {wanted * 1000:.0f} ms; {pool.name} promises {promised * 1000:.0f} ms",
                f"raise spec.objectives.{field_name} to at least {promised * 1000:.0f}",
            )
    return None
