"""What must be served: observed where that is known, otherwise as declared. No capacity, no replicas.

    rate = max(steady, burst) / (1 - share served by external pools)
    mix  = (declared · K + observed · n) / (K + n)         n: requests observed, K: ``PRIOR_REQUESTS``

Until replicas have ever served a request, and until they were observed long enough, the declared rate stands. When some
replica does not answer, the demand is never below what was believed before.
"""

from dataclasses import replace
from typing import Final

from quartermaster.autoscaler.load import Load
from quartermaster.autoscaler.window import Mix
from quartermaster.planner.fleet import Demand, Source

PRIOR_REQUESTS: Final = 20.0
"""How many observed requests weigh as much as the declared mix."""
DRIFT_FRACTION: Final = 0.25
"""How far the mix may move from the one that was planned for before throughput figures no longer fit it."""
MOST_EXTERNAL_SHARE: Final = 0.9
"""Above this share there is too little load on own replicas to infer the whole from it."""


def demand(
    load: Load, declared: Demand, *, believed: Demand | None = None, external_share_fraction: float = 0.0
) -> Demand:
    """Return what must be served, with its source.

    Args:
        load: what replicas bear.
        declared: what the spec says: rate, mix, and replicas where somebody else scales.
        believed: what this function answered last; None at first.
        external_share_fraction: part of the load that external pools take, which no replica of ours sees.
    """
    if believed is not None:
        believed = replace(believed, replicas=declared.replicas)
    if not load.has_seen_load:
        return believed if believed is not None and believed.source is Source.MEASURED else declared
    share = min(external_share_fraction, MOST_EXTERNAL_SHARE)
    mix = _mix(load.mix, declared)
    observed = replace(
        mix,
        requests_per_second=load.peak_per_second / (1.0 - share),
        waiting_requests=load.waiting or 0.0,
        source=Source.MEASURED,
    )
    if load.is_enough and load.freshness.is_complete:
        return observed
    floor = believed or declared
    if observed.requests_per_second >= floor.requests_per_second:
        return observed
    waiting = max(observed.waiting_requests, floor.waiting_requests)
    return replace(mix, requests_per_second=floor.requests_per_second, waiting_requests=waiting, source=floor.source)


def mix_has_drifted(planned: Demand, now: Demand) -> bool:
    """Tell whether the token mix has left the one that was planned for, so that throughput must be found anew."""
    return _apart(planned.input_tokens, now.input_tokens) or _apart(planned.output_tokens, now.output_tokens)


def _apart(before: float, after: float) -> bool:
    return abs(after - before) > DRIFT_FRACTION * max(before, 1.0)


def _mix(mix: Mix, declared: Demand) -> Demand:
    weight = PRIOR_REQUESTS + mix.requests
    return replace(
        declared,
        input_tokens=max(1.0, (PRIOR_REQUESTS * declared.input_tokens + mix.prompt_tokens) / weight),
        output_tokens=max(1.0, (PRIOR_REQUESTS * declared.output_tokens + mix.generation_tokens) / weight),
    )
