"""The window: recent samples of one deployment's load. It keeps and forgets; what they amount to is ``load``.

A window is a value: adding samples gives a new one. It is bounded: a replica that has not answered for ``KEEP_SECONDS``
is dropped, and the trail of each is bounded in itself.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from quartermaster.autoscaler.sample import Readings, Sample
from quartermaster.autoscaler.trail import KEEP_SECONDS, Trail, arrived, growth, has_restarted

HORIZON_SECONDS: Final = 60.0
"""Over how long means are taken. Long against the seconds that one request takes, short against the time in which
replicas start."""
FRESH_INTERVALS: Final = 3.0
"""A sample is fresh for this many scrape intervals: one scrape may fail without harm."""
MIX_REQUESTS: Final = 1000.0
"""The token mix is that of about this many last requests, however long they took to come. With lengths that scatter as
much as their mean, its error is then about 3 %."""


@dataclass(frozen=True, slots=True)
class Mix:
    """Tokens of the last requests: decayed by requests, not by time, so that a quiet night does not forget the mix."""

    requests: float = 0.0
    prompt_tokens: float = 0.0
    generation_tokens: float = 0.0

    def plus(self, requests: float, prompt_tokens: float, generation_tokens: float) -> "Mix":
        """Return the mix after further requests; older ones fade once there are more than ``MIX_REQUESTS``."""
        total = self.requests + requests
        scale = min(1.0, MIX_REQUESTS / total) if total > 0 else 1.0
        return Mix(
            total * scale,
            (self.prompt_tokens + prompt_tokens) * scale,
            (self.generation_tokens + generation_tokens) * scale,
        )


@dataclass(frozen=True, slots=True)
class Freshness:
    """Which of the replicas that should answer have answered of late. Stale and missing are not zero."""

    fresh: tuple[Sample, ...] = ()
    """The last sample of each expected replica whose sample is fresh, by pod uid."""
    stale: tuple[str, ...] = ()
    """Uids of expected pods whose last sample is too old."""
    missing: tuple[str, ...] = ()
    """Uids of expected pods without any sample."""
    mute: tuple[str, ...] = ()
    """Uids of expected pods whose fresh sample lacks what load is judged from."""

    @property
    def expected(self) -> int:
        """How many replicas should answer."""
        return len(self.fresh) + len(self.stale) + len(self.missing)

    @property
    def is_complete(self) -> bool:
        """Whether there is a replica to ask, and every one has answered in full."""
        return bool(self.fresh) and not (self.stale or self.missing or self.mute)

    @property
    def gap(self) -> str:
        """What is missing, as a clause; empty when nothing is."""
        silent = len(self.stale) + len(self.missing)
        if silent:
            return f"no fresh metrics from {silent} of {self.expected} ready replicas"
        if self.mute:
            return (
                f"queue or request count missing in the metrics of {len(self.mute)} of {self.expected} ready replicas"
            )
        return ""


@dataclass(frozen=True, slots=True)
class Window:
    """The trail of every replica of one deployment that answered of late, gone ones included."""

    interval_seconds: float = 2.0
    """How often replicas are scraped."""
    trail_by_pod: Mapping[str, Trail] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    """By pod uid."""
    mix: Mix = Mix()
    has_seen_load: bool = False
    """Whether any replica ever served or held a request, also before the window began: its counters tell."""

    def add(self, samples: Iterable[Sample], *, now_seconds: float) -> "Window":
        """Return the window with further samples, and without those that have grown old."""
        oldest_seconds = now_seconds - KEEP_SECONDS
        trails = {uid: trail for uid, trail in self.trail_by_pod.items() if trail.last.at_seconds >= oldest_seconds}
        mix, has_seen_load = self.mix, self.has_seen_load
        for sample in sorted(samples, key=lambda one: (one.at_seconds, one.pod_uid)):
            trail = trails.get(sample.pod_uid)
            if sample.at_seconds < oldest_seconds or (trail and sample.at_seconds <= trail.last.at_seconds):
                continue
            if trail is not None:
                mix = _mixed(mix, trail.last.readings, sample.readings)
            trails[sample.pod_uid] = Trail.begin(sample) if trail is None else trail.plus(sample)
            has_seen_load = has_seen_load or (arrived(sample.readings) or 0.0) > 0
        return Window(
            interval_seconds=self.interval_seconds,
            trail_by_pod=MappingProxyType(trails),
            mix=mix,
            has_seen_load=has_seen_load,
        )

    def freshness(self, ready_pods: Collection[str], *, now_seconds: float) -> Freshness:
        """Return which of the ready pods, given by uid, have a fresh sample."""
        oldest_seconds = now_seconds - FRESH_INTERVALS * self.interval_seconds
        fresh: list[Sample] = []
        stale: list[str] = []
        missing: list[str] = []
        for uid in sorted(ready_pods):
            trail = self.trail_by_pod.get(uid)
            if trail is None:
                missing.append(uid)
            elif trail.last.at_seconds < oldest_seconds:
                stale.append(uid)
            else:
                fresh.append(trail.last)
        mute = tuple(sample.pod_uid for sample in fresh if not sample.readings.is_telling)
        return Freshness(tuple(fresh), tuple(stale), tuple(missing), mute)

    @property
    def first_seconds(self) -> float | None:
        """Time of the oldest sample; None without any."""
        return min((trail.times_seconds[0] for trail in self.trail_by_pod.values()), default=None)

    @property
    def last_seconds(self) -> float | None:
        """Time of the newest sample; None without any."""
        return max((trail.last.at_seconds for trail in self.trail_by_pod.values()), default=None)


def _mixed(mix: Mix, before: Readings, after: Readings) -> Mix:
    """Return the mix with what ended between two readings; engines without counts by request give what was made."""
    is_anew = has_restarted(before, after)
    ended = growth(before.requests_total, after.requests_total, is_anew=is_anew)
    prompt_tokens = growth(before.request_prompt_tokens_sum, after.request_prompt_tokens_sum, is_anew=is_anew)
    generation_tokens = growth(
        before.request_generation_tokens_sum, after.request_generation_tokens_sum, is_anew=is_anew
    )
    if prompt_tokens is None or generation_tokens is None:
        prompt_tokens = growth(before.prompt_tokens_total, after.prompt_tokens_total, is_anew=is_anew)
        generation_tokens = growth(before.generation_tokens_total, after.generation_tokens_total, is_anew=is_anew)
    if ended is None or prompt_tokens is None or generation_tokens is None:
        return mix
    return mix.plus(max(0.0, ended), max(0.0, prompt_tokens), max(0.0, generation_tokens))
