"""The capacity wanted: what the load needs, in requests per second that own replicas sustain. Nothing is changed here.

    rate   = requests/s of own replicas / TARGET
    tokens = capacity of ready replicas · (tokens in use / tokens that fit) / TARGET
    queue  = min(waiting / depth · mean capacity of a replica,  max(rate of arrivals + waiting / DRAIN, one step up))
    wanted = max(rate, tokens, queue)

The depth per replica says when a queue asks for capacity; how much it asks for is bounded by what drains it in
``DRAIN_SECONDS`` on top of the arrivals, since a queue that grew while replicas started would else ask for many times
what the load needs. One step up is always granted, once everything planned is ready: a queue that stays although the
rate seems covered shows that replicas bear less than was thought. How much less is told to scaling as *strain*.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from quartermaster.autoscaler.capacity import capacity, external_share_fraction, own, replicas
from quartermaster.autoscaler.limits import Limits
from quartermaster.autoscaler.load import Load
from quartermaster.planner.fleet import Demand, Place, Source
from quartermaster.planner.plan import Placement

TARGET_FRACTION: Final = 0.8
"""Part of the sustainable rate, and of the KV cache, that is used on purpose. The rest is headroom for what comes in
while further replicas start. Between the 0.70 and 0.85 of llm-d's variant autoscaler (read 2026-09)."""
DRAIN_SECONDS: Final = 60.0
"""In which time a backlog should be gone. Replicas take about as long to start: more of them would come too late."""
MOST_STRAIN: Final = 4.0
"""Beyond this it is not throughput that is wrong: a replica is broken, or requests are not what they are taken for."""
_STEADY_FRACTION: Final = 0.8
_STEP_FRACTION: Final = 1e-3
"""Any wish above what is planned asks for one more replica."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Capacity wanted at one moment, in requests per second of own replicas, by what asks for it."""

    at_seconds: float
    rate_requests_per_second: float
    tokens_requests_per_second: float
    queue_requests_per_second: float
    is_observed: bool
    """False until any replica ever served a request: counts then stay as the plan made them."""
    is_complete: bool
    """Whether every ready replica told its load, over long enough a span: only then may capacity be taken away."""
    is_aside: bool
    """Whether somebody else says how many replicas there are."""
    gap: str
    """What is missing in the signals, as a clause; empty when nothing is."""
    declared_requests_per_second: float = 0.0
    """The declared rate while it stands: the plan was made for it, so it is not given up at the first glance."""
    strain: float = 1.0
    """At least how many times the rate need is really needed, where a growing queue shows that what is planned does not
    bear a steady load; 1 where nothing shows."""
    ready_by_place: Mapping[Place, int] = field(default_factory=dict, hash=False)
    """Replicas that answered of late, by where they are."""

    @property
    def requests_per_second(self) -> float:
        """The largest of the needs."""
        return max(self.rate_requests_per_second, self.tokens_requests_per_second, self.queue_requests_per_second)

    @property
    def cause(self) -> str:
        """Which need is the largest, in words."""
        if self.rate_requests_per_second >= self.requests_per_second:
            return "the token rate"
        return "the queue" if self.queue_requests_per_second >= self.requests_per_second else "tokens in use"


def want(demand: Demand, load: Load, *, placements: tuple[Placement, ...], limits: Limits) -> Wanted:
    """Return the capacity that the load needs.

    Args:
        demand: what must be served in all; its share of external placements is taken off here.
        load: what ready replicas bear.
        placements: what is planned now.
        limits: bounds of the deployment.
    """
    is_measured = demand.source is Source.MEASURED
    # A declared rate made the plan; from then on only what is seen moves counts.
    stated = demand.requests_per_second * (1.0 - external_share_fraction(placements))
    arrivals = stated if is_measured else load.peak_per_second
    is_whole = is_measured and load.is_enough and load.freshness.is_complete
    waiting = load.waiting or 0.0
    ready_by_place = Counter(sample.place for sample in load.fresh)
    return Wanted(
        at_seconds=load.at_seconds,
        rate_requests_per_second=arrivals / TARGET_FRACTION,
        tokens_requests_per_second=_tokens_need(load, placements),
        queue_requests_per_second=_queue_need(
            waiting, arrivals, placements=placements, limits=limits, ready_replicas=ready_by_place.total()
        ),
        is_observed=load.has_seen_load,
        is_complete=is_whole,
        is_aside=demand.replicas is not None,
        # Where nobody is ready to be asked, readiness tells it.
        gap=load.freshness.gap if load.freshness.expected else "",
        declared_requests_per_second=0.0 if is_measured else stated,
        strain=_strain(arrivals / TARGET_FRACTION, load, placements=placements, limits=limits) if is_whole else 1.0,
        ready_by_place=ready_by_place,
    )


def _strain(rate_need: float, load: Load, *, placements: tuple[Placement, ...], limits: Limits) -> float:
    """Return how far throughput figures are too good, as a factor of at least 1.

    Told only by a queue beyond its depth that grows under a steady load, with all that is planned ready.
    """
    planned_replicas, planned = replicas(placements), capacity(placements)
    is_beyond = (load.waiting or 0.0) > limits.queue_depth_per_replica * planned_replicas
    is_steady = (load.arrivals_per_second or 0.0) >= _STEADY_FRACTION * load.peak_per_second
    is_all_ready = len(load.fresh) >= planned_replicas
    if not (is_beyond and is_steady and is_all_ready and load.backlog_per_second > 0 and rate_need > 0):
        return 1.0
    return min(MOST_STRAIN, max(1.0, planned / rate_need))


def _tokens_need(load: Load, placements: tuple[Placement, ...]) -> float:
    """Return the capacity at which the tokens in use would fill ``TARGET_FRACTION`` of the KV caches."""
    candidate_by_place = {placement.place: placement.candidate for placement in own(placements)}
    used_tokens = held_tokens = sustained = 0.0
    for sample in load.fresh:
        candidate = candidate_by_place.get(sample.place)
        fraction = sample.readings.kv_used_fraction
        if candidate is None or fraction is None:
            continue
        tokens = sample.readings.kv_capacity_tokens or float(candidate.throughput.kv_capacity_tokens)
        used_tokens += fraction * tokens
        held_tokens += tokens
        sustained += candidate.throughput.requests_per_second
    return sustained * used_tokens / held_tokens / TARGET_FRACTION if held_tokens > 0 else 0.0


def _queue_need(
    waiting: float, arrivals: float, *, placements: tuple[Placement, ...], limits: Limits, ready_replicas: int
) -> float:
    planned_replicas, planned = replicas(placements), capacity(placements)
    if waiting <= 0 or planned_replicas == 0:
        return 0.0
    by_depth = waiting / limits.queue_depth_per_replica * planned / planned_replicas
    is_all_ready = ready_replicas >= planned_replicas
    step = planned * (1.0 + _STEP_FRACTION) if is_all_ready else planned
    return min(by_depth, max(arrivals + waiting / DRAIN_SECONDS, step))
