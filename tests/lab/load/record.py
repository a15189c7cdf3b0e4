"""What became of each request, and the figures over all of them. Pure."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

PERCENTILES = (50, 90, 95, 99)


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request. Times in seconds, `sent_at_seconds` from the start of the load; None where it never came so far."""

    sent_at_seconds: float
    endpoint: str
    end_to_end_seconds: float
    time_to_first_token_seconds: float | None = None
    inter_token_seconds: float | None = None
    """Mean gap between its tokens; None for an answer of one token."""
    prompt_tokens: int = 0
    output_tokens: int = 0
    error: str | None = None
    """What went wrong: `no endpoint`, `too many in flight`, `timeout`, `connection`, or the HTTP status."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """A few figures of a distribution, in seconds; None when nothing was observed."""

    count: int
    mean: float | None
    percentiles: dict[int, float]

    @classmethod
    def of(cls, values: Iterable[float]) -> Distribution:
        """Return the figures of `values`; a percentile is the value of the nearest rank."""
        ordered = sorted(values)
        if not ordered:
            return cls(0, None, {})
        ranks = {percent: math.ceil(percent / 100 * len(ordered)) - 1 for percent in PERCENTILES}
        return cls(len(ordered), sum(ordered) / len(ordered), {key: ordered[rank] for key, rank in ranks.items()})


@dataclass(frozen=True, slots=True)
class Summary:
    """Figures over a stretch of load of `seconds`."""

    seconds: float
    sent: int
    finished: int
    errors: dict[str, int]
    prompt_tokens: int
    output_tokens: int
    time_to_first_token: Distribution
    inter_token: Distribution
    end_to_end: Distribution
    requests_by_endpoint: dict[str, int]

    @property
    def output_tokens_per_second(self) -> float:
        """Tokens of finished requests over the time."""
        return self.output_tokens / self.seconds if self.seconds > 0 else 0.0

    def as_json(self) -> dict[str, Any]:
        """Return the fields under their names, percentiles under p50, p90 and so on."""
        document = dataclasses.asdict(self)
        for name in ("time_to_first_token", "inter_token", "end_to_end"):
            figures: Distribution = getattr(self, name)
            document[f"{name}_seconds"] = {
                "count": figures.count,
                "mean": figures.mean,
                **{f"p{percent}": value for percent, value in figures.percentiles.items()},
            }
            del document[name]
        return document


def summarise(records: Sequence[RequestRecord], *, seconds: float) -> Summary:
    """Return the figures of `records`; latencies are of the requests that were answered to their end."""
    answered = [record for record in records if record.error is None]
    first = [item.time_to_first_token_seconds for item in answered if item.time_to_first_token_seconds is not None]
    return Summary(
        seconds=seconds,
        sent=len(records),
        finished=len(answered),
        errors=dict(Counter(record.error for record in records if record.error is not None)),
        prompt_tokens=sum(record.prompt_tokens for record in answered),
        output_tokens=sum(record.output_tokens for record in answered),
        time_to_first_token=Distribution.of(first),
        inter_token=Distribution.of(
            record.inter_token_seconds for record in answered if record.inter_token_seconds is not None
        ),
        end_to_end=Distribution.of(record.end_to_end_seconds for record in answered),
        requests_by_endpoint=dict(Counter(record.endpoint for record in answered)),
    )
