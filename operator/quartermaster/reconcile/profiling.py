"""Which ModelProfiles to propose and to update from what replicas show: whose points count, whose profiles, and when.

A profile that a person stated is never touched, and where there is one for a replica none is proposed. One that we
proposed is ours until somebody changes it; who deletes it makes us begin again from nothing. An update is written only
when the estimate moves by more than ``MOVED_FRACTION``, and at most every ``QUIET_SECONDS``. What is measured is
``measuring``; here nothing is calculated.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from quartermaster.api.v1alpha1 import ModelProfile, ModelProfileSpec
from quartermaster.autoscaler.course import Course, followed
from quartermaster.autoscaler.operation import Operation
from quartermaster.autoscaler.sample import Sample
from quartermaster.manifests.profile import is_as_proposed, observed_profile, profile_name
from quartermaster.planner.fleet import Fleet, Key, Workload
from quartermaster.planner.plan import PlacementId, Plan
from quartermaster.planner.throughput.fit import ProfileKey, is_stated, key_of_profile, profile_key
from quartermaster.reconcile.declared import Declared
from quartermaster.reconcile.measuring import Measured, measured, moved
from quartermaster.reconcile.observation import Observed
from quartermaster.reconcile.outcome import Apply
from quartermaster.reconcile.record import Profiling, Record, Seen, Subject

MOVED_FRACTION: Final = 0.05
QUIET_SECONDS: Final = 300.0
LOOK_SECONDS: Final = 10.0
"""How often points are judged anew where there is no profile of ours yet; a sixth as often where there is one."""
MOST_AT_ONCE: Final = 8
"""Kinds of replicas judged in one look, each for some milliseconds; others have their turn in the next."""
POINTS_PER_BATCH: Final = 4
"""The last of batches that hardly differ."""
OLDEST: Final = timedelta(hours=24)


def profiling(
    observed: Observed, memory: Profiling, plan: Plan, *, fleet: Fleet, workloads: Iterable[Workload]
) -> tuple[Profiling, tuple[Apply, ...]]:
    """Return what to remember, and the profiles to propose or to update.

    Args:
        observed: one look at the world.
        memory: what the last call returned; ``Profiling()`` at the start.
        plan: the plan in force: it says what each replica is.
        fleet: what it was made for.
        workloads: likewise.
    """
    courses: dict[str, Course] = {}
    points: list[tuple[Key, Sample, Operation]] = []
    for key, window in observed.window_by_key.items():
        found, ended = followed(memory.course_by_pod, window)
        courses.update(found)
        points += [(key, sample, point) for sample, point in ended]
    records = dict(memory.record_by_key)
    if points:
        points.sort(key=lambda one: (one[1].at_seconds, one[0], one[1].pod_uid))
        _enter(records, points, _Register(plan, fleet, workloads), at=observed.now)
    applied: list[Apply] = []
    if records:
        entries = _Entries(observed.profiles)
        left = MOST_AT_ONCE
        for profiled in sorted(records):
            before = records[profiled]
            after, apply = _judged(profiled, before, entries, observed.now_seconds, may_measure=left > 0)
            left -= after.due_seconds != before.due_seconds
            records[profiled] = after
            applied += apply
    return Profiling(MappingProxyType(courses), MappingProxyType(records)), tuple(applied)


class _Register:
    """What each replica of a plan is."""

    def __init__(self, plan: Plan, fleet: Fleet, workloads: Iterable[Workload]) -> None:
        self._chip_by_pool = {pool.name: pool.accelerator for pool in fleet.pools}
        self._workload_by_key = {workload.key: workload for workload in workloads}
        self._candidate_by_id = {placement.id: placement.candidate for placement in plan.placements}

    def subject(self, key: Key, sample: Sample) -> Subject | None:
        """Return what a replica is; None for one that runs as no other would, or is not in the plan."""
        candidate = self._candidate_by_id.get(PlacementId(key, sample.place))
        workload = self._workload_by_key.get(key)
        if candidate is None or workload is None or candidate.is_external:
            return None
        chip, shape = self._chip_by_pool.get(candidate.pool), candidate.shape
        own = any(each.args for each in workload.spec.serving.engines if each.name is shape.engine)
        if chip is None or own or shape.args:
            # Arguments change the speed, and a profile does not say for which arguments it holds.
            return None
        return Subject(workload.model, chip, replace(shape, name=""))


def _enter(
    records: dict[ProfileKey, Record],
    points: Sequence[tuple[Key, Sample, Operation]],
    register: _Register,
    *,
    at: datetime,
) -> None:
    """Enter points into the records of what their replicas are."""
    for key, sample, point in points:
        subject = register.subject(key, sample)
        if subject is None:
            continue
        profiled = profile_key(subject.model, subject.accelerator, subject.shape)
        record = records.get(profiled)
        if record is None or record.subject != subject:
            # A model of the same name with other facts is another model: its points are not mixed with these.
            record = replace(record, subject=subject, seen=()) if record else Record(subject)
        seen = _thinned((*record.seen, Seen(point, key, at)), oldest=at - OLDEST)
        records[profiled] = replace(record, seen=seen, has_news=True)


def _thinned(seen: Sequence[Seen], *, oldest: datetime) -> tuple[Seen, ...]:
    """Return the last points of each batch that are not too old, in the order in which they came."""
    kept: list[Seen] = []
    count_by_bucket: dict[int, int] = {}
    for each in reversed(seen):
        count = count_by_bucket[each.bucket] = count_by_bucket.get(each.bucket, 0) + 1
        if count <= POINTS_PER_BATCH and each.at >= oldest:
            kept.append(each)
    return tuple(reversed(kept))


class _Entries:
    """The ModelProfiles that exist."""

    def __init__(self, profiles: Iterable[Declared[ModelProfile]]) -> None:
        known = [entry for entry in profiles if not entry.is_deleting]
        self.by_name = {entry.reference.name: entry for entry in profiles}
        specs = [entry.document.spec for entry in known if entry.document is not None]
        self.stated = frozenset(key_of_profile(spec) for spec in specs if is_stated(spec))


def _judged(
    key: ProfileKey, record: Record, entries: _Entries, now_seconds: float, *, may_measure: bool
) -> tuple[Record, tuple[Apply, ...]]:
    """Return the record as it is to be remembered, and what to write."""
    entry = entries.by_name.get(profile_name(key))
    document = None if entry is None else entry.document
    is_ours = document is not None and is_as_proposed(document)
    record = _noticed(record, document.spec if document is not None and is_ours else None, now_seconds)
    if key in entries.stated or (entry is not None and not is_ours):
        return record, ()
    is_quiet = record.profile is not None and now_seconds - record.since_seconds < QUIET_SECONDS
    if not may_measure or not record.has_news or now_seconds < record.due_seconds or is_quiet:
        return record, ()
    pause_seconds = LOOK_SECONDS if record.profile is None else 6 * LOOK_SECONDS
    record = replace(record, has_news=False, due_seconds=now_seconds + pause_seconds)
    found = measured(record.subject, record.seen)
    if found is None:
        return record, ()
    return record, _written(record, found)


def _noticed(record: Record, profile: ModelProfileSpec | None, now_seconds: float) -> Record:
    """Return the record with our profile as it is now; where it was deleted, with nothing seen."""
    if profile == record.profile:
        return record
    seen = () if profile is None else record.seen
    return replace(record, profile=profile, since_seconds=now_seconds, seen=seen, has_news=bool(seen))


def _written(record: Record, found: Measured) -> tuple[Apply, ...]:
    manifest = observed_profile(found.spec)
    if record.profile is None:
        return (Apply(manifest, f"replicas show how fast they are: {found.spec.evidence}"),)
    change = moved(record.subject, record.profile, found)
    if change <= MOVED_FRACTION:
        return ()
    return (Apply(manifest, f"the estimate moves by {change:.0%}: {found.spec.evidence}"),)
