"""What a double tells about itself to whoever drives it: plain values, as dataclass and as JSON."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from tests.lab.modelserver.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """One address at one moment; totals count from the last start of its replica, `requests_by_path` from the first."""

    address: str
    engine: str
    model: str
    metrics_path: str
    fault: str | None
    is_ready: bool
    running: int
    waiting: int
    kv_used_fraction: float
    prompt_tokens: int
    generation_tokens: int
    finished_requests: int
    aborted_requests: int
    preemptions: int
    requests_by_path: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        """Return the fields under their names."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> ReplicaState:
        """Return the state that `as_json` wrote."""
        return cls(**document)


def state_of(endpoint: Endpoint) -> ReplicaState:
    """Return the state of an endpoint now."""
    replica = endpoint.replica
    reading = replica.reading()
    recorder = reading.recorder
    return ReplicaState(
        address=endpoint.address,
        engine=replica.engine.value,
        model=replica.model,
        metrics_path=replica.face.metrics_path,
        fault=endpoint.fault.value if endpoint.fault else None,
        is_ready=endpoint.is_ready,
        running=reading.running,
        waiting=reading.waiting,
        kv_used_fraction=reading.kv_used_fraction,
        prompt_tokens=recorder.prompt_tokens,
        generation_tokens=recorder.generation_tokens,
        finished_requests=recorder.finished_requests,
        aborted_requests=recorder.finished_by_reason["abort"],
        preemptions=recorder.preemptions,
        requests_by_path=dict(endpoint.requests_by_path),
    )
