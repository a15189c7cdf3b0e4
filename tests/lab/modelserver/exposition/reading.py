"""What an engine's exposition reads at one moment. Only the value; no names of metrics."""

from __future__ import annotations

from dataclasses import dataclass

from tests.lab.modelserver.batchqueue import BatchQueue
from tests.lab.modelserver.physics import ReplicaPhysics
from tests.lab.modelserver.recorder import Recorder


@dataclass(frozen=True, slots=True)
class Reading:
    """Gauges of one replica at one moment, beside its counters since the start."""

    model: str
    physics: ReplicaPhysics
    recorder: Recorder
    running: int
    waiting: int
    kv_used_fraction: float
    kv_used_tokens: int
    generation_tokens_per_second: float
    created_at_unix_seconds: float
    """When the process started, as its `_created` series say."""


def read(queue: BatchQueue, *, model: str, created_at_unix_seconds: float) -> Reading:
    """Return the reading of a queue that has been advanced to the present."""
    return Reading(
        model=model,
        physics=queue.physics,
        recorder=queue.recorder,
        running=queue.running,
        waiting=queue.waiting,
        kv_used_fraction=queue.kv_used_fraction,
        kv_used_tokens=queue.kv_used_tokens,
        generation_tokens_per_second=queue.generation_tokens_per_second,
        created_at_unix_seconds=created_at_unix_seconds,
    )
