"""One workload judged on every pool: its candidates, and why the others are refused. Made of tables when asked for."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quartermaster.api.v1alpha1 import ModelProfileSpec
from quartermaster.planner.candidate import Candidate, Rejection, Throughput
from quartermaster.planner.eligibility.admission import Causes, Codes, Ids
from quartermaster.planner.eligibility.external import RULE, broken_promise, share_dollars_per_hour, share_throughput
from quartermaster.planner.eligibility.serving import NO_KEYS, Outcome, Serving, nothing_to_try
from quartermaster.planner.fleet import External, Pool, Shape, Workload
from quartermaster.planner.rules.order import POOL_RULES
from quartermaster.planner.rules.rule import Finding, Reads, ShapeCase, ShapeRule, rejection
from quartermaster.planner.rules.shapes import FOUND_SHAPES, external_shape
from quartermaster.planner.throughput.fit import ProfileKey, mix_of, profile_key, timing

Offer = tuple[Shape, Throughput]
"""A shape that is admitted, and what one replica of it sustains."""

_PLACE_BY_POOL_RULE = {rule.name: place for place, rule in enumerate(POOL_RULES)}


class Refusal(NamedTuple):
    """One candidate refused, without words."""

    pool: int
    """Position among the pools."""
    shape: Shape | None
    """None when the whole pool is refused, whatever the shape."""
    rule: str
    reason: str


class Group(NamedTuple):
    """Pools refused for one cause."""

    rule: str
    reason: str
    pools: int
    """How many."""
    first: Refusal


@dataclass(frozen=True, slots=True)
class View:
    """The pools that workloads were judged on, and by which rules."""

    pools: tuple[Pool, ...]
    """By name."""
    kinds: Ids
    """Number of each pool's kind; -1 for one without chips that are known."""
    today: date
    rules: tuple[ShapeRule, ...]
    profiles: Mapping[ProfileKey, ModelProfileSpec]
    causes: Causes
    position_by_name: Mapping[str, int]
    has_external: bool
    is_external: NDArray[np.bool_]
    dollars_per_chip_hour: NDArray[np.float64]
    """0 where none is known."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One workload judged on every pool."""

    workload: Workload
    view: View
    codes: Codes
    """Cause that refuses each pool as a whole; 0 where none does."""
    serving: Serving
    running_by_pool: Mapping[str, frozenset[str]]

    def offers(self, pools: Iterable[str] | None = None) -> Iterator[tuple[Pool, tuple[Offer, ...]]]:
        """Yield every pool, or every one of these, that admits a shape, with its shapes in order of preference.

        Pools alike, but for the price, yield the same tuple. A replica of an external service is a tenth of the demand.
        """
        made: dict[int, tuple[Offer, ...]] = {}
        if pools is None:
            places = np.flatnonzero(self.codes == 0).tolist()
        else:
            known = [place for name in pools if (place := self.view.position_by_name.get(name)) is not None]
            places = [place for place in sorted(known) if self.codes[place] == 0]
        for place in places:
            pool, outcomes = self.view.pools[place], self._outcomes(place)
            if isinstance(outcomes, int):
                continue
            found = made.get(id(outcomes))
            if found is None or self.is_priced:
                found = made[id(outcomes)] = self.offered(outcomes)
            if found:
                yield pool, found

    @staticmethod
    def offered(outcomes: tuple[Outcome, ...] | int) -> tuple[Offer, ...]:
        """Return the shapes that are admitted, of what became of all."""
        if isinstance(outcomes, int):
            return ()
        return tuple([(o.shape, o.throughput) for o in outcomes if not o.code and o.throughput is not None])

    @property
    def is_priced(self) -> bool:
        """Whether the price of a pool decides which shapes it admits."""
        return self.serving.asked.has_budget or self.view.has_external

    def candidates(self, pools: Iterable[str] | None = None) -> tuple[Candidate, ...]:
        """Return every admissible candidate, on all pools or on these, by pool and in order of preference."""
        key, found = self.workload.key, []
        for pool, offers in self.offers(pools):
            name, cluster, region, accelerator = pool.name, pool.cluster, pool.region, pool.accelerator_name
            if pool.external is not None:
                dollars = share_dollars_per_hour(self.workload, pool.external)
                shape, rate = offers[0]
                found.append(Candidate(key, name, cluster, region, accelerator, shape, rate, dollars, is_external=True))
                continue
            price = pool.dollars_per_chip_hour or 0.0
            found += [
                Candidate(key, name, cluster, region, accelerator, shape, rate, price * shape.chips)
                for shape, rate in offers
            ]
        return tuple(found)

    @property
    def candidates_count(self) -> int:
        """How many candidates there are."""
        return sum(len(offers) for _, offers in self.offers())

    def refusals(self) -> Iterator[Refusal]:
        """Yield every refused candidate, by pool: whole pools once, and each shape of a pool that is not refused."""
        pairs = self.view.causes.pairs
        for place, code in enumerate(self.codes.tolist()):
            outcomes = code or self._outcomes(place)
            if isinstance(outcomes, int):
                yield Refusal(place, None, *pairs[outcomes])
            else:
                for shape, refused, _, _ in outcomes:
                    if refused:
                        yield Refusal(place, shape, *pairs[refused])

    def counts(self) -> Counter[tuple[str, str]]:
        """Return how many candidates are refused, by rule and reason."""
        pairs, found = self.view.causes.pairs, Counter[tuple[str, str]]()
        codes, numbers = np.unique(self.codes[self.codes != 0], return_counts=True)
        for code, count in zip(codes.tolist(), numbers.tolist(), strict=True):
            found[pairs[code]] += count
        for _, count, outcomes in self._open():
            if isinstance(outcomes, int):
                found[pairs[outcomes]] += count
            else:
                for outcome in outcomes:
                    if outcome.code:
                        found[pairs[outcome.code]] += count
        return found

    def groups(self) -> tuple[Group, ...]:
        """Return why pools admit nothing, most frequent first; each counts once, by its shape that came nearest."""
        pairs, found = self.view.causes.pairs, dict[tuple[str, str], Group]()

        def add(place: int, shape: Shape | None, code: int, count: int) -> None:
            known = found.get(pairs[code])
            first = Refusal(place, shape, *pairs[code])
            if known is not None:
                count += known.pools
                first = min(known.first, first, key=lambda refusal: refusal.pool)
            found[pairs[code]] = Group(*pairs[code], count, first)

        codes, firsts, numbers = np.unique(self.codes, return_index=True, return_counts=True)
        for code, first, count in zip(codes.tolist(), firsts.tolist(), numbers.tolist(), strict=True):
            if code:
                add(first, None, code, count)
        for place, count, outcomes in self._open():
            nearest = _nearest(outcomes)
            if nearest is not None:
                add(place, *nearest, count)
        return tuple(sorted(found.values(), key=lambda group: (-group.pools, group.rule, group.reason)))

    def alike(self) -> list[tuple[Refusal, list[str]]]:
        """Return every refused candidate, pools refused alike together with the first of them; by the first pool."""
        pairs, places_by_cause = self.view.causes.pairs, dict[tuple[Shape | None, int], list[int]]()
        for code in np.unique(self.codes).tolist():
            if code:
                places_by_cause[None, code] = np.flatnonzero(self.codes == code).tolist()
        for places, outcomes in self.open_places():
            if isinstance(outcomes, int):
                places_by_cause.setdefault((None, outcomes), []).extend(places)
            else:
                for outcome in outcomes:
                    if outcome.code:
                        places_by_cause.setdefault((outcome.shape, outcome.code), []).extend(places)
        pools, found = self.view.pools, []
        for (shape, code), places in places_by_cause.items():
            places.sort()
            found.append((Refusal(places[0], shape, *pairs[code]), [pools[place].name for place in places]))
        return sorted(found, key=lambda one: one[0].pool)

    def on(self, pool: str) -> Refusal | None:
        """Return why a pool admits nothing, by the shape that came nearest; None when it admits something.

        A pool that is not known refuses nothing.
        """
        place = self.view.position_by_name.get(pool)
        if place is None:
            return None
        code = int(self.codes[place])
        nearest = (None, code) if code else _nearest(self._outcomes(place))
        return None if nearest is None else Refusal(place, nearest[0], *self.view.causes.pairs[nearest[1]])

    def nearest(self) -> Refusal | None:
        """Return the refusal that asks for the smallest change; None when some pool admits a shape, or there is none.

        That is the one that passed most rules: a rule that everybody breaks, such as a residency, is no remedy while a
        pool that keeps it merely lacks a node.
        """
        groups = self.groups()
        if not groups or sum(group.pools for group in groups) < len(self.view.pools):
            return None
        order = {rule.name: len(POOL_RULES) + place for place, rule in enumerate(self.view.rules)} | _PLACE_BY_POOL_RULE
        # What is said of no shape at all stands between the rules on pools and those on shapes.
        return max((group.first for group in groups), key=lambda r: (order.get(r.rule, len(POOL_RULES)), -r.pool))

    def explain(self, refusal: Refusal) -> Rejection:
        """Return the refusal in words."""
        pool = self.view.pools[refusal.pool]
        finding = self._finding(pool, refusal)
        if finding is None:
            raise ValueError(
                f"{self.workload.key} on {pool.name}: wanted {refusal.rule} to refuse again, found that it does not: "
                "the rule reads something that it does not state"
            )
        return rejection(self.workload, pool, refusal.shape, rule=refusal.rule, finding=finding)

    def _finding(self, pool: Pool, refusal: Refusal) -> Finding | None:
        if refusal.shape is None:
            if refusal.rule in _PLACE_BY_POOL_RULE:
                rule = POOL_RULES[_PLACE_BY_POOL_RULE[refusal.rule]]
                return rule.check(self.workload, pool, self.view.today)
            return None if pool.accelerator is None else nothing_to_try(self.workload, pool.accelerator)[1]
        if pool.external is not None:
            return broken_promise(self.workload, pool, pool.external)
        case = self._case(pool, refusal.shape)
        return next(
            (found for r in self.view.rules if r.name == refusal.rule if (found := r.check(case)) is not None), None
        )

    def _case(self, pool: Pool, shape: Shape) -> ShapeCase:
        if pool.accelerator is None:
            raise ValueError(f"{pool.name}: wanted chips that are known")
        model, mix = self.workload.model, mix_of(self.workload)
        profile = self.view.profiles.get(profile_key(model, pool.accelerator, shape))
        known = timing(model, pool.accelerator, shape, mix=mix, profile=profile)
        outcomes = self.serving.outcomes.get((self._kind(pool), self._running(pool)), 0)
        rate = None if isinstance(outcomes, int) else next((o.throughput for o in outcomes if o.shape == shape), None)
        dollars = (pool.dollars_per_chip_hour or 0.0) * shape.chips
        return ShapeCase(self.workload, pool, pool.accelerator, shape, mix, known, rate, dollars)

    def _kind(self, pool: Pool) -> int:
        return int(self.view.kinds[self.view.position_by_name[pool.name]])

    def _running(self, pool: Pool) -> frozenset[str]:
        return self.running_by_pool.get(pool.name, NO_KEYS)

    def _open(self) -> Iterator[tuple[int, int, tuple[Outcome, ...] | int]]:
        """Yield what became of the shapes on pools that are not refused as a whole: first, how many, what."""
        for places, outcomes in self.open_places():
            yield places[0], len(places), outcomes

    def open_places(self) -> Iterator[tuple[list[int], tuple[Outcome, ...] | int]]:
        """Yield pools that are not refused as a whole, with what became of their shapes.

        Where price, what runs or a promise decides, pools come one by one; otherwise those of a kind together.
        """
        places = np.flatnonzero(self.codes == 0)
        kinds = self.view.kinds[places]
        if self.serving.asked.has_budget or self.running_by_pool or (kinds < 0).any():
            for place in places.tolist():
                yield [place], self._outcomes(place)
            return
        for kind in np.unique(kinds).tolist():
            alike = places[kinds == kind].tolist()
            yield alike, self._outcomes(alike[0])

    def _outcomes(self, place: int) -> tuple[Outcome, ...] | int:
        """Return what became of the shapes on a pool that is not refused as a whole."""
        pool = self.view.pools[place]
        if pool.external is not None:
            return self._promised(pool, pool.external)
        running = self._running(pool) if self.running_by_pool else NO_KEYS
        found = self.serving.outcomes[int(self.view.kinds[place]), running]
        if self.serving.asked.has_budget and not isinstance(found, int):
            return self._priced(pool, found, running)
        return found

    def _promised(self, pool: Pool, service: External) -> tuple[Outcome, ...]:
        finding = broken_promise(self.workload, pool, service)
        code = self.view.causes.code(RULE, finding)
        return (Outcome(external_shape(self.workload), code, 0, share_throughput(self.workload, service)),)

    def _priced(self, pool: Pool, outcomes: tuple[Outcome, ...], running: frozenset[str]) -> tuple[Outcome, ...]:
        """Return the outcomes with what the price decides: which shapes are too dear, and so how many are taken."""
        rules = [(place, rule) for place, rule in enumerate(self.view.rules) if rule.reads is Reads.PRICE]
        most = len(outcomes) if self.workload.spec.serving.shapes else FOUND_SHAPES
        found: list[Outcome] = []
        admitted = 0
        for outcome in outcomes:
            if admitted >= most and outcome.shape.key not in running:
                continue
            new = outcome
            for place, rule in rules:
                if place < new.place:
                    finding = rule.check(self._priced_case(pool, outcome))
                    if finding is not None:
                        new = Outcome(outcome.shape, self.view.causes.code(rule.name, finding), place, None)
            admitted += not new.code
            found.append(new)
        return tuple(found)

    def _priced_case(self, pool: Pool, outcome: Outcome) -> ShapeCase:
        if pool.accelerator is None:
            raise ValueError(f"{pool.name}: wanted chips that are known")
        dollars = (pool.dollars_per_chip_hour or 0.0) * outcome.shape.chips
        mix, rate = self.serving.asked.speeds.mix, outcome.throughput
        return ShapeCase(self.workload, pool, pool.accelerator, outcome.shape, mix, None, rate, dollars)


def _nearest(outcomes: tuple[Outcome, ...] | int) -> tuple[Shape | None, int] | None:
    """Return the shape that passed most rules and its cause, the largest of several; None when one is admitted."""
    if isinstance(outcomes, int):
        return None, outcomes
    if not outcomes or not all(outcome.code for outcome in outcomes):
        return None
    nearest = max(outcomes, key=lambda outcome: (outcome.place, outcome.shape.chips))
    return nearest.shape, nearest.code
