"""What one replica said of itself at one moment. Values only; the names of metrics are telemetry's."""

from dataclasses import dataclass, fields

from quartermaster.planner.fleet import Place


@dataclass(frozen=True, slots=True)
class Readings:
    """Gauges and counters of one engine; None where it does not show them, which is never the same as zero.

    Counters count since the engine started. Sums of times are in seconds.
    """

    waiting: float | None = None
    """Requests that wait."""
    running: float | None = None
    """Requests in the batch."""
    requests_total: float | None = None
    """Requests that have ended, whichever way."""
    prompt_tokens_total: float | None = None
    generation_tokens_total: float | None = None
    request_prompt_tokens_sum: float | None = None
    """Prompt tokens of the requests that have ended, where the engine counts them by request."""
    request_generation_tokens_sum: float | None = None
    """Generated tokens of the requests that have ended, where the engine counts them by request."""
    kv_used_fraction: float | None = None
    kv_capacity_tokens: float | None = None
    time_to_first_token_seconds_sum: float | None = None
    time_to_first_token_count: float | None = None
    """Requests whose first token has come."""
    inter_token_latency_seconds_sum: float | None = None
    inter_token_latency_count: float | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the readings that the engine did not show."""
        return tuple(field.name for field in fields(self) if getattr(self, field.name) is None)

    @property
    def is_telling(self) -> bool:
        """Whether the load can be judged from this: the queue, the batch, and a count of requests are there."""
        has_count = self.requests_total is not None or self.time_to_first_token_count is not None
        return self.waiting is not None and self.running is not None and has_count

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all was read."""
        return all(getattr(self, field.name) is None for field in fields(self))


@dataclass(frozen=True, slots=True)
class Sample:
    """One scrape of one replica."""

    pod_uid: str
    pod_name: str
    place: Place
    """Which placement the replica belongs to."""
    at_seconds: float
    """Monotonic time at which the engine answered."""
    readings: Readings
