"""Values that the autoscaler's tests are made of: candidates, placements, samples. Builders only."""

from collections.abc import Sequence
from dataclasses import replace

from quartermaster.api.v1alpha1.enums import EngineName, Precision
from quartermaster.autoscaler.load import Load, load_of
from quartermaster.autoscaler.sample import Readings, Sample
from quartermaster.autoscaler.want import Wanted
from quartermaster.autoscaler.window import Window
from quartermaster.planner.fleet import Demand, Key, Place, Shape, Source
from quartermaster.planner.plan import Candidate, Placement, Throughput

KEY = Key("team", "chat")
SHAPE = Shape(EngineName.VLLM, Precision.BF16)


def candidate(
    pool: str = "near", rate: float = 5.0, dollars: float = 4.0, *, chips: int = 1, region: str = "eu-west"
) -> Candidate:
    """Return a candidate whose replica sustains ``rate`` requests per second for ``dollars`` per hour."""
    shape = Shape(EngineName.VLLM, Precision.BF16, tensor_parallelism=chips)
    sustained = Throughput(
        requests_per_second=rate,
        tokens_per_second=rate * 200,
        time_to_first_token_seconds=0.2,
        inter_token_latency_seconds=0.03,
        max_batch_size=64,
        kv_capacity_tokens=100_000,
        source=Source.ESTIMATED,
    )
    return Candidate(KEY, pool, "local", region, f"chip-of-{pool}", shape, sustained, dollars)


def external(units: int, *, pool: str = "hosted") -> Placement:
    """Return a placement in an external pool that takes ``units`` tenths of the load."""
    return Placement(replace(candidate(pool, rate=1.0, dollars=9.0), is_external=True), units)


def placement(
    replicas: int, pool: str = "near", rate: float = 5.0, dollars: float = 4.0, *, zone: str = ""
) -> Placement:
    """Return replicas of one candidate, in one zone or in any."""
    return Placement(candidate(pool, rate, dollars), replicas, zone)


def wanted(
    rate: float, *, at_seconds: float = 0.0, complete: bool = True, observed: bool = True, ready: int = 1000
) -> Wanted:
    """Return a wish for capacity, with every replica of the pools named in these tests ready."""
    places = [
        Place(pool, candidate(chips=chips).shape.key) for pool in ("near", "far", "big") for chips in (1, 2, 4, 8)
    ]
    return Wanted(
        at_seconds=at_seconds,
        rate_requests_per_second=rate,
        tokens_requests_per_second=0.0,
        queue_requests_per_second=0.0,
        is_observed=observed,
        is_complete=complete and observed,
        is_aside=False,
        gap="" if complete else "no fresh metrics from 1 of 2 ready replicas",
        ready_by_place=dict.fromkeys(places, ready),
    )


def sample(at_seconds: float, readings: Readings, *, pod: str = "a", pool: str = "near") -> Sample:
    """Return one scrape."""
    return Sample(pod, f"pod-{pod}", Place(pool, SHAPE.key), at_seconds, readings)


def readings(
    requests: float = 0.0, waiting: float = 0.0, running: float = 0.0, *, kv: float = 0.0, tokens: int = 100
) -> Readings:
    """Return readings of an engine that has answered ``requests`` of twice ``tokens`` in and ``tokens`` out."""
    return Readings(
        waiting=waiting,
        running=running,
        requests_total=requests,
        prompt_tokens_total=requests * tokens * 2,
        generation_tokens_total=requests * tokens,
        request_prompt_tokens_sum=requests * tokens * 2,
        request_generation_tokens_sum=requests * tokens,
        kv_used_fraction=kv,
        kv_capacity_tokens=100_000,
        time_to_first_token_seconds_sum=requests * 0.25,
        time_to_first_token_count=requests,
        inter_token_latency_seconds_sum=requests * tokens * 0.02,
        inter_token_latency_count=requests * tokens,
    )


def window_of(rows: Sequence[Sample], *, now_seconds: float | None = None) -> Window:
    """Return a window that was fed sample by sample."""
    window = Window()
    for one in sorted(rows, key=lambda s: s.at_seconds):
        window = window.add([one], now_seconds=one.at_seconds)
    return window if now_seconds is None else window.add([], now_seconds=now_seconds)


def steady(
    rate: float, *, seconds: float = 80.0, pods: Sequence[str] = ("a",), waiting: float = 0.0, kv: float = 0.0
) -> Window:
    """Return a window in which each pod was sent ``rate`` requests per second from time 0 on."""
    times = [2.0 * index for index in range(int(seconds / 2) + 1)]
    return window_of([sample(at, readings(rate * at, waiting, 1.0, kv=kv), pod=pod) for at in times for pod in pods])


def steady_load(
    rate: float, *, seconds: float = 80.0, pods: Sequence[str] = ("a",), waiting: float = 0.0, kv: float = 0.0
) -> Load:
    """Return the load at the end of a steady window."""
    return load_of(steady(rate, seconds=seconds, pods=pods, waiting=waiting, kv=kv), pods, now_seconds=seconds)


def measured(rate: float, *, input_tokens: float = 200.0, output_tokens: float = 100.0) -> Demand:
    """Return an observed demand."""
    return Demand(rate, input_tokens, output_tokens, source=Source.MEASURED)


def declared(rate: float, *, input_tokens: float = 1000.0, output_tokens: float = 200.0) -> Demand:
    """Return a declared demand."""
    return Demand(rate, input_tokens, output_tokens)
