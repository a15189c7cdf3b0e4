"""Which shapes admit which workloads on which kinds of pools: the rules on shapes, asked once for what is alike.

A *kind* is what shape rules read of a pool: accelerator, extended resource, sizes of hosts. A *kin* is what decides
which shapes are tried and whether they fit: deployments of one model that ask alike. What a replica sustains is worked
out once for each model, mix, accelerator and shape, and for many of them together.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from quartermaster.api.v1alpha1 import ModelProfileSpec
from quartermaster.catalog.accelerator import Accelerator
from quartermaster.catalog.model import Model
from quartermaster.planner.candidate import Throughput
from quartermaster.planner.eligibility.admission import Causes
from quartermaster.planner.fleet import Pool, Shape, Workload
from quartermaster.planner.rules.rule import Finding, Reads, ShapeCase, ShapeRule
from quartermaster.planner.rules.shapes import FOUND_SHAPES, engine_for, precision_of, shapes
from quartermaster.planner.throughput.fit import (
    Mix,
    ProfileKey,
    Timing,
    is_stated,
    mix_of,
    profile_key,
    throughputs,
    timing,
)
from quartermaster.planner.throughput.memory import served_context_tokens

NO_KEYS: frozenset[str] = frozenset()


class Outcome(NamedTuple):
    """What became of one shape."""

    shape: Shape
    code: int
    """Cause of its refusal, whatever the price; 0 where there is none."""
    place: int
    """Of the rule that refuses, among the rules; their number where none does."""
    throughput: Throughput | None


@dataclass(frozen=True, slots=True)
class Kind:
    """Pools that shape rules cannot tell apart, but for the price."""

    number: int
    pool: Pool
    """Any pool of the kind."""
    accelerator: Accelerator
    chip: int
    """Number of the accelerator."""


class _Tried(NamedTuple):
    """A shape that is tried on a kind, as far as its verdict does not depend on the load."""

    shape: Shape
    slot: int
    """Number of accelerator and shape."""
    outcome: Outcome | None
    """Set when it is refused already."""


@dataclass(slots=True)
class _Kin:
    """What is tried for deployments that ask alike, by kind of pool and by what runs there."""

    tried: dict[tuple[int, frozenset[str]], tuple[_Tried, ...] | int] = field(default_factory=dict)


@dataclass(slots=True)
class _Speeds:
    """What replicas of one model sustain at one mix, by slot."""

    workload: Workload
    """Any that asks so."""
    mix: Mix
    most_tokens_per_second: float | None
    outcome_by_slot: dict[int, Outcome] = field(default_factory=dict)


class Asked(NamedTuple):
    """What a workload's verdicts on shapes depend on, but for what runs. Parts that are alike are the same objects."""

    kin: _Kin
    speeds: _Speeds
    has_budget: bool


@dataclass(slots=True)
class Serving:
    """Verdicts on the shapes of one workload, by kind of pool and what runs there.

    A number is the cause for which no shape is tried. With a budget all shapes are judged, for it depends on the price
    how many are taken.
    """

    asked: Asked
    outcomes: dict[tuple[int, frozenset[str]], tuple[Outcome, ...] | int] = field(default_factory=dict)
    further_by_case: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    """Place and cause of what further rules say, by kind and slot."""


class Judge:
    """The rules on shapes, and what they were found to say."""

    def __init__(self, rules: Sequence[ShapeRule], causes: Causes) -> None:
        """Remember nothing yet."""
        self.rules = tuple(rules)
        self.causes = causes
        self.kinds: list[Kind] = []
        self.profiles: dict[ProfileKey, ModelProfileSpec] = {}
        self._stated: frozenset[ProfileKey] = frozenset()
        self._fit_rules = [(place, rule) for place, rule in enumerate(rules) if rule.reads is Reads.FIT]
        self._rate_rules = [(place, rule) for place, rule in enumerate(rules) if rule.reads is Reads.RATE]
        self._further = [(place, rule) for place, rule in enumerate(rules) if rule.reads is Reads.DEPLOYMENT]
        self._kind_by_key: dict[Hashable, Kind] = {}
        self._chips = _Numbers()
        self._models = _Numbers()
        self._slots: dict[tuple[int, Shape], int] = {}
        self._profiles_by_model: dict[str, tuple[tuple[ModelProfileSpec, ...], int]] = {}
        self._kins: dict[Hashable, _Kin] = {}
        self._speeds: dict[Hashable, _Speeds] = {}
        self._timings: dict[tuple[int, int, int], Timing | None] = {}

    @property
    def size(self) -> int:
        """How much is remembered: kinds, ways of asking, and mixes."""
        return len(self.kinds) + len(self._kins) + len(self._speeds)

    def begin(self, rules: Sequence[ShapeRule], profiles: Mapping[ProfileKey, ModelProfileSpec]) -> None:
        """Take the rules, of the same names as before, and the profiles; what is known of other models stays."""
        self.rules = tuple(rules)
        self._further = [(place, rule) for place, rule in enumerate(rules) if rule.reads is Reads.DEPLOYMENT]
        if profiles == self.profiles:
            return
        by_model: dict[str, list[ModelProfileSpec]] = {}
        for profile in profiles.values():
            by_model.setdefault(profile.model, []).append(profile)
        for name in by_model.keys() | self._profiles_by_model.keys():
            new = tuple(by_model.get(name, ()))
            old, number = self._profiles_by_model.get(name, ((), 0))
            if new != old:
                self._profiles_by_model[name] = (new, number + 1)
        self.profiles = dict(profiles)
        # What was observed tells of the engine that happened to run; only a person prefers one.
        self._stated = frozenset(key for key, profile in profiles.items() if is_stated(profile))

    def profiles_number(self, model: str) -> int:
        """Return a number that changes when other things were measured of the model."""
        return self._profiles_by_model[model][1] if model in self._profiles_by_model else 0

    def kind(self, pool: Pool) -> Kind | None:
        """Return the kind of a pool; None for one whose chips are not known."""
        if pool.accelerator is None or pool.external is not None:
            return None
        chip = self._chips.number(pool.accelerator, pool.accelerator.name)
        whole = frozenset([(host.chips, host.nodes) for host in pool.hosts if host.is_whole])
        largest = max([host.chips for host in pool.hosts], default=0)
        key = (chip, pool.resource_name, largest, whole)
        found = self._kind_by_key.get(key)
        if found is None:
            found = self._kind_by_key[key] = Kind(len(self.kinds), pool, pool.accelerator, chip)
            self.kinds.append(found)
        return found

    def asked(self, workload: Workload) -> Asked:
        """Return what the verdicts on shapes depend on."""
        spec, serving, model = workload.spec, workload.spec.serving, workload.model
        number = self._models.number(model, model.name)
        known = (number, self.profiles_number(model.name))
        names = frozenset([settings.name for settings in serving.engines]) if serving.engines else NO_KEYS
        context = served_context_tokens(workload)
        kin_key = (known, precision_of(workload), serving.engine, names, serving.shapes, context)
        kin = self._kins.get(kin_key)
        if kin is None:
            kin = self._kins[kin_key] = _Kin()
        mix, cap = mix_of(workload), spec.scaling.tokens_per_second_per_replica
        speeds_key = (known, mix, cap)
        speeds = self._speeds.get(speeds_key)
        if speeds is None:
            speeds = self._speeds[speeds_key] = _Speeds(workload, mix, None if cap is None else float(cap))
        return Asked(kin, speeds, spec.budget is not None)

    def abouts(self, workload: Workload) -> tuple[object, ...] | None:
        """Return what further rules read of a deployment; None when one of them does not say."""
        if any(rule.about is None for _, rule in self._further):
            return None
        return tuple([rule.about(workload) for _, rule in self._further if rule.about is not None])

    def judge(self, wanted: Iterable[tuple[Workload, Serving, int, frozenset[str]]]) -> None:
        """Judge workloads on kinds of pools, given by number, where these shapes run. What is missing is filled in."""
        pending = list(wanted)
        while pending:
            missing: dict[tuple[int, int], tuple[_Speeds, Kind, Shape, int]] = {}
            left = []
            for entry in pending:
                workload, serving, number, running = entry
                found = self._walk(workload, serving, self.kinds[number], running=running, missing=missing)
                if found is None:
                    left.append(entry)
                else:
                    serving.outcomes[number, running] = found
            self._solve(list(missing.values()))
            pending = left

    def _walk(
        self,
        workload: Workload,
        serving: Serving,
        kind: Kind,
        *,
        running: frozenset[str],
        missing: dict[tuple[int, int], tuple[_Speeds, Kind, Shape, int]],
    ) -> tuple[Outcome, ...] | int | None:
        """Return what became of the shapes in order; None when a speed has to be known first."""
        tried = self._tried(workload, serving.asked.kin, kind, running=running)
        if isinstance(tried, int):
            return tried
        speeds = serving.asked.speeds
        all_of_them = bool(workload.spec.serving.shapes) or serving.asked.has_budget
        most = len(tried) if all_of_them else FOUND_SHAPES
        found: list[Outcome] = []
        admitted = asked_for = 0
        for shape, slot, refused in tried:
            if admitted + asked_for >= most and (not running or shape.key not in running):
                continue
            outcome = refused or speeds.outcome_by_slot.get(slot)
            if outcome is None:
                missing[id(speeds), slot] = (speeds, kind, shape, slot)
                asked_for += 1
                continue
            if not outcome.code and self._further:
                outcome = self._judged_further(workload, serving, kind, slot, outcome)
            admitted += not outcome.code
            found.append(outcome)
        return None if asked_for else tuple(found)

    def _tried(self, workload: Workload, kin: _Kin, kind: Kind, *, running: frozenset[str]) -> tuple[_Tried, ...] | int:
        found = kin.tried.get((kind.number, running))
        if found is None:
            accelerator = kind.accelerator
            engine = engine_for(workload, accelerator, self._stated)
            every = shapes(workload, kind.pool, accelerator, engine=engine, running=running)
            if every:
                found = tuple([self._try(workload, kind, shape) for shape in every])
            else:
                rule, finding = nothing_to_try(workload, accelerator)
                found = self.causes.code(rule, finding)
            kin.tried[kind.number, running] = found
        return found

    def _try(self, workload: Workload, kind: Kind, shape: Shape) -> _Tried:
        slot = self._slots.setdefault((kind.chip, shape), len(self._slots))
        case = self._case(workload, kind, shape, self._timing(workload, kind, shape, slot), None)
        place, code = self._first(case, self._fit_rules)
        return _Tried(shape, slot, Outcome(shape, code, place, None) if code else None)

    def _timing(self, workload: Workload, kind: Kind, shape: Shape, slot: int) -> Timing | None:
        """Return how the shape runs at some mix: whether that is known, and how much it holds, depends on none."""
        model = workload.model
        number = self._models.number(model, model.name)
        key = (number, self.profiles_number(model.name), slot)
        if key not in self._timings:
            self._timings[key] = self.timing_of(model, kind.accelerator, shape, mix_of(workload))
        return self._timings[key]

    def timing_of(self, model: Model, accelerator: Accelerator, shape: Shape, mix: Mix) -> Timing | None:
        """Return how a replica runs."""
        profile = self.profiles.get(profile_key(model, accelerator, shape))
        return timing(model, accelerator, shape, mix=mix, profile=profile)

    def _first(self, case: ShapeCase, rules: Sequence[tuple[int, ShapeRule]]) -> tuple[int, int]:
        """Return the place of the first rule that refuses, and the cause; the number of rules and 0 when none does."""
        for place, rule in rules:
            finding = rule.check(case)
            if finding is not None:
                return place, self.causes.code(rule.name, finding)
        return len(self.rules), 0

    def _case(
        self, workload: Workload, kind: Kind, shape: Shape, known: Timing | None, found: Throughput | None
    ) -> ShapeCase:
        return ShapeCase(workload, kind.pool, kind.accelerator, shape, mix_of(workload), known, found, 0.0)

    def _solve(self, missing: Sequence[tuple[_Speeds, Kind, Shape, int]]) -> None:
        cases: list[tuple[Timing, Mix, float | None]] = []
        for speeds, kind, shape, _ in missing:
            model = speeds.workload.model
            known = self.timing_of(model, kind.accelerator, shape, speeds.mix)
            if known is None:
                raise ValueError(f"{model.name}: wanted a timing for every mix or for none, found both")
            cases.append((known, speeds.mix, speeds.most_tokens_per_second))
        for (speeds, kind, shape, slot), (known, _, _), found in zip(missing, cases, throughputs(cases), strict=True):
            place, code = len(self.rules), 0
            if found is None:
                place, code = self._first(self._case(speeds.workload, kind, shape, known, None), self._rate_rules)
            speeds.outcome_by_slot[slot] = Outcome(shape, code, place, found)

    def _judged_further(self, workload: Workload, serving: Serving, kind: Kind, slot: int, outcome: Outcome) -> Outcome:
        key = (kind.number, slot)
        found = serving.further_by_case.get(key)
        if found is None:
            case = self._case(workload, kind, outcome.shape, None, outcome.throughput)
            found = serving.further_by_case[key] = self._first(case, self._further)
        place, code = found
        return outcome._replace(code=code, place=place) if code else outcome


class _Numbers:
    """Numbers of facts: equal ones get the same, and one seen before is not compared again."""

    def __init__(self) -> None:
        self._known: dict[str, list[tuple[object, int]]] = {}
        self._count = 0

    def number(self, fact: object, name: str) -> int:
        alike = self._known.setdefault(name, [])
        for known, number in alike:
            if known is fact or known == fact:
                return number
        alike.append((fact, self._count))
        self._count += 1
        return self._count - 1


def nothing_to_try(workload: Workload, accelerator: Accelerator) -> tuple[str, Finding]:
    """Return why no shape is tried on the accelerator: the rule, and what it found."""
    engine = workload.spec.serving.engine.value
    explicit = [shape for shape in workload.spec.serving.shapes if shape.accelerator not in {None, accelerator.name}]
    if explicit and len(explicit) == len(workload.spec.serving.shapes):
        named = ", ".join(sorted({str(shape.accelerator) for shape in explicit}))
        return "shape-accelerator", Finding(
            "NoShapeForAccelerator",
            f"wanted a shape for {accelerator.name}; spec.serving.shapes has shapes for {named} only",
            f"add a shape for {accelerator.name} to spec.serving.shapes",
        )
    running = ", ".join(e.value for e in accelerator.engines)
    return "engine", Finding(
        "EngineNotOnChip",
        f"wanted engine {engine}; on {accelerator.name} run {running or 'no engines of ours'} (catalog)",
        "set spec.serving.engine to Auto" if running else "use it as an external pool",
    )
