"""A fleet of one replica whose true speed is known, watched turn by turn, with profiles that are written and obeyed."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from quartermaster.api import names
from quartermaster.api.v1alpha1 import ModelProfile, ModelProfileSpec
from quartermaster.autoscaler.window import Window
from quartermaster.manifests import drift
from quartermaster.planner.fleet import Fleet, Source, Workload
from quartermaster.planner.plan import Plan
from quartermaster.planner.planning import plan
from quartermaster.planner.throughput.coefficients import Coefficients
from quartermaster.planner.throughput.fit import MAX_BATCH_SIZE, Mix, Timing, throughput
from quartermaster.planner.throughput.memory import memory_fit
from quartermaster.planner.throughput.profiles import coefficients_of_profile
from quartermaster.planner.throughput.roofline import roofline
from quartermaster.reconcile.declared import Declared, declared
from quartermaster.reconcile.observation import Observed
from quartermaster.reconcile.outcome import Apply
from quartermaster.reconcile.profiling import profiling
from quartermaster.reconcile.record import Profiling
from tests.autoscaler.simulated import Simulated
from tests.lab.modelserver.physics import ReplicaPhysics
from tests.planner.builders import H100, LLAMA_8B, fleet, pool, workload

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MIX = Mix(500, 150, None, None)
NAME = "llama-3.1-8b-instruct-nvidia-h100-sxm-vllm-bf16-tp1"
SERVING: dict[str, Any] = {"engine": "VLLM", "shapes": [{"name": "one", "tensorParallelism": 1, "precision": "BF16"}]}


def rate(known: Timing) -> float:
    """Return the requests per second that a replica sustains at the mix, whatever the latencies."""
    found = throughput(known, MIX)
    assert found is not None
    return found.requests_per_second


def physics() -> Timing:
    """Return what the planner believes of the replica without any profile."""
    shape = plan(fleet(pool()), [workload(serving=SERVING)]).placements[0].candidate.shape
    found = roofline(LLAMA_8B, H100, shape, input_tokens=MIX.input_tokens, output_tokens=MIX.output_tokens)
    fit = memory_fit(LLAMA_8B, H100, shape)
    assert found is not None
    assert fit is not None
    return Timing(found, MAX_BATCH_SIZE, fit.kv_capacity_tokens, Source.ESTIMATED)


def true_timing(*, alpha: float = 1.0, beta: float = 1.0, gamma: float = 1.0, max_batch: int = 256) -> Timing:
    """Return a plain replica whose coefficients are the physics' by factors."""
    known = physics()
    coefficients = Coefficients(
        known.coefficients.alpha_seconds * alpha,
        known.coefficients.beta_seconds_per_token * beta,
        known.coefficients.gamma_seconds_per_token * gamma,
    )
    return Timing(coefficients, max_batch, known.kv_capacity_tokens, Source.MEASURED)


def simulated(known: Timing, *, seed: int = 1) -> Simulated:
    """Return the replica, as a part of the plan of a ``Watch``."""
    one = known.coefficients
    constants = ReplicaPhysics(
        one.alpha_seconds,
        one.beta_seconds_per_token,
        one.gamma_seconds_per_token,
        max_batch=known.max_batch_size,
        kv_capacity_tokens=known.kv_capacity_tokens,
    )
    place = plan(fleet(pool()), [workload(serving=SERVING)]).placements[0].place
    return Simulated(constants, seed=seed, place=place)


@dataclass
class Watch:
    """The operator's look at one deployment: what it remembers, and the profiles that exist."""

    workload: Workload = field(default_factory=lambda: workload(serving=SERVING))
    profiles: dict[str, dict[str, Any]] = field(default_factory=dict)
    memory: Profiling = field(default_factory=Profiling)
    written: list[Apply] = field(default_factory=list)

    @property
    def fleet(self) -> Fleet:
        """The one pool."""
        return fleet(pool())

    @property
    def plan(self) -> Plan:
        """The plan in force."""
        return plan(self.fleet, [self.workload])

    def look(self, window: Window, now_seconds: float, *, made: Plan | None = None) -> tuple[Apply, ...]:
        """Look once, and obey."""
        observed = Observed(
            now=START + timedelta(seconds=now_seconds),
            now_seconds=now_seconds,
            profiles=self.declared,
            window_by_key={self.workload.key: window},
        )
        where = self.fleet
        self.memory, applied = profiling(
            observed, self.memory, made or self.plan, fleet=where, workloads=[self.workload]
        )
        for entry in applied:
            self.put(drift.stamped(entry.manifest))
        self.written += applied
        return applied

    def watch(self, one: Simulated, rate_per_second: float, seconds: float) -> int:
        """Look after every scrape while a load runs; returns how often something was written."""
        made, before = self.plan, len(self.written)
        for window in one.windows(rate_per_second, seconds):
            self.look(window, one.now_seconds, made=made)
        return len(self.written) - before

    def put(self, document: dict[str, Any]) -> None:
        """Let a profile exist."""
        self.profiles[document["metadata"]["name"]] = document

    def edit(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Let a person change the spec of the operator's profile."""
        document = self.profiles[NAME]
        self.profiles[NAME] = {**document, "spec": change(document["spec"])}

    @property
    def declared(self) -> tuple[Declared[ModelProfile], ...]:
        """The profiles, as the caches hold them."""
        return tuple(declared(names.LOCAL_CLUSTER, ModelProfile, document) for document in self.profiles.values())

    @property
    def timing(self) -> Timing:
        """What the profile says."""
        (entry,) = self.declared
        assert entry.document is not None, entry.refusal
        return timing_of(entry.document.spec)


def timing_of(spec: ModelProfileSpec) -> Timing:
    """Return what a profile says."""
    coefficients = coefficients_of_profile(spec, LLAMA_8B)
    return Timing(coefficients, spec.max_batch_size, spec.kv_capacity_tokens, Source.MEASURED)


def with_args(asked: Workload, *args: str) -> Workload:
    """Return the workload with arguments of its own."""
    (shape,) = asked.spec.serving.shapes
    serving = asked.spec.serving.model_copy(update={"shapes": (shape.model_copy(update={"args": args}),)})
    return replace(asked, spec=asked.spec.model_copy(update={"serving": serving}))
