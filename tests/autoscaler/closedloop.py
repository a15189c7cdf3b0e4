"""A closed loop in virtual time: real batch queues under load, scraped, scaled, started with a delay. No clock runs.

The replicas are the queue models of the laboratory's model servers; their throughput is what the planner's formulas say
of the same constants. Only time is made up.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from quartermaster.autoscaler.capacity import replicas
from quartermaster.autoscaler.demand import demand
from quartermaster.autoscaler.limits import Limits
from quartermaster.autoscaler.load import load_of
from quartermaster.autoscaler.sample import Readings, Sample
from quartermaster.autoscaler.scale import ScaleState, scale
from quartermaster.autoscaler.want import want
from quartermaster.autoscaler.window import Window
from quartermaster.planner.fleet import Demand, Source
from quartermaster.planner.plan import Placement
from quartermaster.planner.throughput.coefficients import Coefficients
from quartermaster.planner.throughput.fit import Mix, Timing, throughput
from tests.autoscaler.build import candidate
from tests.lab.modelserver.batchqueue import BatchQueue
from tests.lab.modelserver.physics import ReplicaPhysics
from tests.lab.modelserver.recorder import Measure, Recorder

PHYSICS = ReplicaPhysics()
INPUT_TOKENS, OUTPUT_TOKENS = 500, 150
INTERVAL_SECONDS = 2.0
START_SECONDS = 20.0
FREE = 100


def placement(count: int, *, belief: float = 1.0) -> Placement:
    """Return replicas that are believed to sustain ``belief`` times what the planner's formulas say."""
    constants = Coefficients(PHYSICS.alpha_seconds, PHYSICS.beta_seconds_per_token, PHYSICS.gamma_seconds_per_token)
    known = Timing(constants, PHYSICS.max_batch, PHYSICS.kv_capacity_tokens, Source.MEASURED)
    sustained = throughput(known, Mix(INPUT_TOKENS, OUTPUT_TOKENS, 1.0, 0.05))
    if sustained is None:
        raise AssertionError("wanted a replica that holds one second and 50 ms, found none: mend the constants")
    believed = replace(sustained, requests_per_second=belief * sustained.requests_per_second)
    return Placement(replace(candidate(), throughput=believed), count)


@dataclass
class Replica:
    """One replica, from the moment it was asked for."""

    uid: str
    ready_seconds: float
    queue: BatchQueue

    @property
    def requests(self) -> int:
        """Requests that it holds."""
        return self.queue.running + self.queue.waiting


@dataclass
class Tick:
    """What was seen and decided at one tick."""

    at_seconds: float
    replicas: int
    ready: int
    waiting: int


@dataclass
class ClosedLoop:
    """One deployment under load."""

    placements: tuple[Placement, ...]
    limits: Limits
    rate_at: Callable[[float], float]
    """Requests per second that come, by time."""
    scraped: Callable[[float, int], bool] = lambda _at, _index: True
    """Whether the replica of this index answers at this time."""
    seed: int = 1
    ticks: list[Tick] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start with every replica ready."""
        self._random = Random(self.seed)
        self._now = 0.0
        self._started = 0
        self._fleet: list[Replica] = []
        self._leaving: list[Replica] = []
        self._window = Window(interval_seconds=INTERVAL_SECONDS)
        self._state: ScaleState | None = None
        self._believed: Demand | None = None
        self._resize(start_seconds=0.0)

    def run(self, until_seconds: float) -> list[Tick]:
        """Run to a moment; returns all ticks so far."""
        while self._now < until_seconds:
            self._serve(self._now + INTERVAL_SECONDS)
            self._tick()
        return self.ticks

    def _serve(self, until_seconds: float) -> None:
        """Let requests come and be worked on; each goes to the replica that holds the fewest."""
        while True:
            rate = self.rate_at(self._now)
            gap = self._random.expovariate(rate) if rate > 0 else INTERVAL_SECONDS
            if rate <= 0 or self._now + gap > until_seconds:
                break
            self._now += gap
            for replica in self._ready:
                replica.queue.advance(self._now)
            chosen = min(self._ready, key=lambda replica: (replica.requests, replica.uid))
            output_tokens = 1 + int(self._random.expovariate(1.0 / OUTPUT_TOKENS))
            chosen.queue.submit(INPUT_TOKENS, output_tokens, at=self._now)
        self._now = until_seconds
        for replica in self._fleet:
            replica.queue.advance(self._now)

    @property
    def _ready(self) -> list[Replica]:
        return [replica for replica in self._fleet if replica.ready_seconds <= self._now]

    def _tick(self) -> None:
        """Scrape, decide, resize."""
        ready = self._ready
        samples = [self._sample(one) for index, one in enumerate(ready) if self.scraped(self._now, index)]
        self._window = self._window.add(samples, now_seconds=self._now)
        load = load_of(self._window, [one.uid for one in ready], now_seconds=self._now)
        declared = Demand(1.0, INPUT_TOKENS, OUTPUT_TOKENS)
        self._believed = demand(load, declared, believed=self._believed)
        found = scale(
            self.placements,
            want(self._believed, load, placements=self.placements, limits=self.limits),
            limits=self.limits,
            free_replicas_by_id={one.id: FREE for one in self.placements},
            state=self._state,
        )
        self.placements, self._state = found.placements, found.state
        self._resize(start_seconds=START_SECONDS)
        waiting = sum(one.queue.waiting for one in ready)
        self.ticks.append(Tick(self._now, replicas(self.placements), len(ready), waiting))

    def _resize(self, *, start_seconds: float) -> None:
        count = replicas(self.placements)
        while len(self._fleet) < count:
            self._started += 1
            recorder = Recorder.with_bounds({Measure.TIME_TO_FIRST_TOKEN: (1.0,), Measure.INTER_TOKEN: (0.1,)})
            queue = BatchQueue(PHYSICS, recorder, started_at=self._now)
            self._fleet.append(Replica(f"r{self._started:03d}", self._now + start_seconds, queue))
        # Kubernetes removes the youngest first; what they hold is drained and of no interest here.
        self._fleet = self._fleet[:count]

    def _sample(self, replica: Replica) -> Sample:
        queue, recorder = replica.queue, replica.queue.recorder
        first = recorder.histograms[Measure.TIME_TO_FIRST_TOKEN]
        told = Readings(
            waiting=queue.waiting,
            running=queue.running,
            requests_total=recorder.finished_requests,
            prompt_tokens_total=recorder.prompt_tokens,
            generation_tokens_total=recorder.generation_tokens,
            kv_used_fraction=queue.kv_used_fraction,
            kv_capacity_tokens=PHYSICS.kv_capacity_tokens,
            time_to_first_token_seconds_sum=first.sum,
            time_to_first_token_count=first.count,
        )
        return Sample(replica.uid, replica.uid, self.placements[0].place, self._now, told)
