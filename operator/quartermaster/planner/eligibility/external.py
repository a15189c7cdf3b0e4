"""Hosted services as candidates: by tenths of a deployment's demand, paid by the token. No chips, no queue."""

from quartermaster.planner.candidate import Throughput
from quartermaster.planner.fleet import External, Pool, Source, Workload
from quartermaster.planner.rules.rule import Finding
from quartermaster.planner.throughput.fit import mix_of

EXTERNAL_UNITS = 10
"""Parts into which a deployment's demand is cut for external services: one replica is one of them."""
RULE = "objectives"
"""Name under which a promise that is too weak is refused."""
_SECONDS_PER_HOUR = 3600.0


def share_throughput(workload: Workload, service: External) -> Throughput:
    """Return a tenth of the demand as what one replica sustains, at the latencies that the service promises."""
    rate = workload.demand.requests_per_second / EXTERNAL_UNITS
    return Throughput(
        requests_per_second=rate,
        tokens_per_second=rate * mix_of(workload).output_tokens,
        time_to_first_token_seconds=service.time_to_first_token_seconds or 0.0,
        inter_token_latency_seconds=service.inter_token_latency_seconds or 0.0,
        max_batch_size=0,
        kv_capacity_tokens=0,
        source=Source.DECLARED,
    )


def share_dollars_per_hour(workload: Workload, service: External) -> float:
    """Return the price of a tenth of the demand."""
    mix = mix_of(workload)
    per_request = (
        mix.input_tokens * service.dollars_per_million_input_tokens
        + mix.output_tokens * service.dollars_per_million_output_tokens
    ) / 1e6
    return workload.demand.requests_per_second / EXTERNAL_UNITS * _SECONDS_PER_HOUR * per_request


def broken_promise(workload: Workload, pool: Pool, service: External) -> Finding | None:
    """Return why the service does not hold the objectives; None when it promises to."""
    mix = mix_of(workload)
    return _broken(
        pool,
        mix.time_to_first_token_seconds,
        service.time_to_first_token_seconds,
        words=("the first token within", "timeToFirstTokenMilliseconds"),
    ) or _broken(
        pool,
        mix.inter_token_latency_seconds,
        service.inter_token_latency_seconds,
        words=("an inter-token latency of", "interTokenLatencyMilliseconds"),
    )


def _broken(pool: Pool, wanted: float | None, promised: float | None, *, words: tuple[str, str]) -> Finding | None:
    what, field = words
    if wanted is None:
        return None
    if promised is None:
        return Finding(
            "LatencyNotPromised",
            f"wanted {what} {wanted * 1000:.0f} ms; {pool.name} promises nothing",
            f"state external.{field} on AcceleratorPool {pool.name}",
        )
    if promised > wanted:
        return Finding(
            "LatencyTooLong",
            f"wanted {what} {wanted * 1000:.0f} ms; {pool.name} promises {promised * 1000:.0f} ms",
            f"raise spec.objectives.{field} to at least {promised * 1000:.0f}",
        )
    return None
