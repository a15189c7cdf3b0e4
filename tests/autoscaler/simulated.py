"""One replica in virtual time: the laboratory's batch queue under random load, scraped into a window. No clock runs."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from quartermaster.autoscaler.sample import Readings, Sample
from quartermaster.autoscaler.window import Window
from quartermaster.planner.fleet import Place
from tests.lab.modelserver.batchqueue import BatchQueue
from tests.lab.modelserver.physics import ReplicaPhysics
from tests.lab.modelserver.recorder import Measure, Recorder

INTERVAL_SECONDS = 2.0


@dataclass
class Simulated:
    """One replica under load."""

    physics: ReplicaPhysics
    input_tokens: int = 500
    output_tokens: int = 150
    seed: int = 1
    place: Place = Place("pool", "vllm-bf16-tp1")  # noqa: RUF009 - a Place is immutable
    uid: str = "a"
    now_seconds: float = 0.0
    window: Window = field(default_factory=lambda: Window(interval_seconds=INTERVAL_SECONDS))

    def __post_init__(self) -> None:
        """Start empty."""
        self._random = Random(self.seed)
        recorder = Recorder.with_bounds({Measure.TIME_TO_FIRST_TOKEN: (1.0,), Measure.INTER_TOKEN: (0.1,)})
        self._queue = BatchQueue(self.physics, recorder, started_at=self.now_seconds)

    def windows(self, rate: float, seconds: float) -> Iterator[Window]:
        """Yield the window after every scrape, while requests come at a rate."""
        ends_seconds = self.now_seconds + seconds
        while self.now_seconds < ends_seconds:
            self._serve(rate, self.now_seconds + INTERVAL_SECONDS)
            self.window = self.window.add([self.sample()], now_seconds=self.now_seconds)
            yield self.window

    def _serve(self, rate: float, until_seconds: float) -> None:
        while rate > 0:
            gap_seconds = self._random.expovariate(rate)
            if self.now_seconds + gap_seconds > until_seconds:
                break
            self.now_seconds += gap_seconds
            self._queue.advance(self.now_seconds)
            tokens = (self._length(self.input_tokens), self._length(self.output_tokens))
            self._queue.submit(*tokens, at=self.now_seconds)
        self.now_seconds = until_seconds
        self._queue.advance(self.now_seconds)

    def _length(self, mean_tokens: int) -> int:
        return max(1, round(mean_tokens * self._random.uniform(0.5, 1.5)))

    def readings(self) -> Readings:
        """Return what the engine shows."""
        recorder = self._queue.recorder
        first, gaps = recorder.histograms[Measure.TIME_TO_FIRST_TOKEN], recorder.histograms[Measure.INTER_TOKEN]
        return Readings(
            waiting=self._queue.waiting,
            running=self._queue.running,
            requests_total=recorder.finished_requests,
            prompt_tokens_total=recorder.prompt_tokens,
            generation_tokens_total=recorder.generation_tokens,
            kv_used_fraction=self._queue.kv_used_fraction,
            kv_capacity_tokens=self.physics.kv_capacity_tokens,
            time_to_first_token_seconds_sum=first.sum,
            time_to_first_token_count=first.count,
            inter_token_latency_seconds_sum=gaps.sum,
            inter_token_latency_count=gaps.count,
        )

    def sample(self) -> Sample:
        """Return one scrape."""
        return Sample(self.uid, f"pod-{self.uid}", self.place, self.now_seconds, self.readings())
