"""What happened under the load, and how it is told. Values and words only."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(slots=True)
class Told:
    """Counts, and moments in seconds since the load began."""

    least_replicas: int
    most_replicas: int
    most_waiting: int = 0
    rush_at: float = 0.0
    risen_at: float | None = None
    """When more replicas served than before."""
    drained_at: float = 0.0
    silent_at: float = 0.0
    fallen_at: float = 0.0
    answered: int = 0
    failed: int = 0
    tokens: int = 0

    def sentences(self) -> Iterator[tuple[str, str]]:
        """Yield what happened, each as a word and a sentence."""
        rise_seconds = (self.rush_at if self.risen_at is None else self.risen_at) - self.rush_at
        drain_seconds = self.drained_at - self.rush_at
        fall_seconds = self.fallen_at - self.silent_at
        counts = f"from {self.least_replicas} to {self.most_replicas} replicas"
        yield "rise", f"{counts}; the first new one served {rise_seconds:.1f} s after the rush began"
        yield (
            "drain",
            f"up to {self.most_waiting} requests waited; {drain_seconds:.0f} s after the rush began hardly any",
        )
        yield "fall", f"back to {self.least_replicas} replicas {fall_seconds:.0f} s after the load had gone"
        yield "answers", f"{self.answered} requests were answered with {self.tokens:,} tokens, {self.failed} failed"
