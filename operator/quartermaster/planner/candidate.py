"""What may run where, and what may not: candidates, what they sustain, and rejections. Values only; no judgement."""

from dataclasses import dataclass

from quartermaster.planner.fleet import Key, Shape, Source


@dataclass(frozen=True, slots=True)
class Throughput:
    """What one replica sustains within the deployment's objectives at its own token mix."""

    requests_per_second: float
    tokens_per_second: float
    """Generated tokens."""
    time_to_first_token_seconds: float
    inter_token_latency_seconds: float
    max_batch_size: int
    kv_capacity_tokens: int
    source: Source


CandidateId = tuple[Key, str, str]
"""Deployment, pool, shape key."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One deployment × one pool × one shape that no rule refuses."""

    workload: Key
    pool: str
    cluster: str
    region: str
    accelerator: str
    shape: Shape
    throughput: Throughput
    dollars_per_hour: float
    """Cost of one replica. For an external service: cost of one unit of share (see ``is_external``)."""
    is_external: bool = False
    """A replica of an external candidate is one tenth of the deployment's demand, paid by the token."""

    @property
    def id(self) -> CandidateId:
        """What identifies the candidate in a plan."""
        return (self.workload, self.pool, self.shape.key)


@dataclass(frozen=True, slots=True)
class Rejection:
    """A candidate refused: rule, reason, message, and the smallest change that would admit it."""

    workload: Key
    pool: str
    shape_key: str
    """Empty when the whole pool is refused, whatever the shape."""
    rule: str
    reason: str
    """CamelCase."""
    message: str
    remedy: str
