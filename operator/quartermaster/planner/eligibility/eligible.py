"""What may run where, and why not: every workload judged on every pool. The door to eligibility; no choice.

Nothing here depends on free chips. What was judged is kept as tables; candidates and rejections are made of them when
somebody asks. A later call that is handed the earlier result judges only what has changed, and answers as if it had
judged everything: what is remembered never decides.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter

from quartermaster.planner.candidate import Candidate, Rejection
from quartermaster.planner.eligibility.judged import Judged
from quartermaster.planner.eligibility.judgement import Change, Judgement, judgement
from quartermaster.planner.eligibility.lazily import Candidates, Rejections
from quartermaster.planner.fleet import Fleet, Key, Workload
from quartermaster.planner.rules.rule import ShapeRule


class Eligible(Mapping[Key, Judged]):
    """Every workload judged on every pool, by deployment."""

    __slots__ = ("judgement", "made", "stale")

    def __init__(self, judgement: Judgement | None = None, before: "Eligible | None" = None) -> None:
        """Take what was judged; candidates that were made of the judgement before are taken over where they hold."""
        self.judgement = judgement
        """What the next call takes over; None where nothing was judged."""
        self.made: dict[Key, tuple[Candidate, ...]] = {}
        """Candidates that somebody has asked for."""
        self.stale: dict[Key, tuple[tuple[Candidate, ...], frozenset[str]]] = {}
        """Candidates that hold but for those in some pools."""
        if judgement is not None and judgement.change is not None and before is not None:
            self._take_over(judgement, judgement.change, before)

    def _take_over(self, judgement: Judgement, change: Change, before: "Eligible") -> None:
        if not change.rows and not change.columns and judgement.rows.keys() == before.keys():
            # The very same tables: what either makes is good for both.
            self.made, self.stale = before.made, before.stale
            return
        for key, made in before.made.items():
            if key in judgement.rows and key not in change.rows:
                if key in change.touched:
                    self.stale[key] = (made, change.columns)
                else:
                    self.made[key] = made
        for key, (made, names) in before.stale.items():
            if key in judgement.rows and key not in change.rows:
                self.stale[key] = (made, names | change.columns)

    def __getitem__(self, key: Key) -> Judged:
        """Return one deployment as it was judged."""
        if self.judgement is None:
            raise KeyError(key)
        row, place = self.judgement.rows[key], self.judgement.place_by_key[key]
        return Judged(row.workload, self.judgement.view, self.judgement.codes[place], row.serving, row.running_by_pool)

    def __iter__(self) -> Iterator[Key]:
        """Deployments in order."""
        return iter(self._keys())

    def __len__(self) -> int:
        """How many deployments were judged."""
        return len(self._keys())

    def __contains__(self, key: object) -> bool:
        """Whether a deployment was judged."""
        return self.judgement is not None and key in self.judgement.rows

    def __eq__(self, other: object) -> bool:
        """Whether the same candidates are admitted, and the same are refused for the same reasons."""
        if self is other or not isinstance(other, Eligible):
            return self is other
        return self.candidates == other.candidates and self.rejections == other.rejections

    __hash__ = None  # type: ignore[assignment] # compared by value, and far too large to hash

    @property
    def candidates(self) -> Candidates:
        """Every candidate that no rule refuses; by deployment, pool and order of preference."""
        return Candidates(tuple(self), self.candidates_of, self._candidates_count)

    @property
    def rejections(self) -> Rejections:
        """Every candidate that is refused, each by its first rule; by deployment and pool.

        A pool that is refused whatever the shape is there once; otherwise each of its shapes that is refused.
        """
        return Rejections(tuple(self), self.rejections_of, self._rejections_count)

    def candidates_of(self, key: Key) -> tuple[Candidate, ...]:
        """Return the candidates of one deployment: the same objects until something changes that they show."""
        found = self.made.get(key)
        if found is None:
            if key not in self:
                return ()
            old = self.stale.pop(key, None)
            found = self[key].candidates() if old is None else _with_others(self[key], *old)
            self.made[key] = found
        return found

    def rejections_of(self, key: Key) -> tuple[Rejection, ...]:
        """Return what is refused to one deployment, in words."""
        if key not in self:
            return ()
        judged = self[key]
        return tuple(map(judged.explain, judged.refusals()))

    def _keys(self) -> Mapping[Key, object]:
        return {} if self.judgement is None else self.judgement.rows

    def _candidates_count(self, key: Key) -> int:
        found = self.made.get(key)
        if found is not None:
            return len(found)
        return self[key].candidates_count if key in self else 0

    def _rejections_count(self, key: Key) -> int:
        return self[key].counts().total() if key in self else 0


def _with_others(judged: Judged, made: tuple[Candidate, ...], names: frozenset[str]) -> tuple[Candidate, ...]:
    """Return the candidates with those in these pools made anew."""
    pool = attrgetter("pool")
    for name in sorted(names):
        start, end = bisect_left(made, name, key=pool), bisect_right(made, name, key=pool)
        made = made[:start] + judged.candidates([name]) + made[end:]
    return made


def eligible(
    fleet: Fleet,
    workloads: Sequence[Workload],
    *,
    further_rules: Sequence[ShapeRule] = (),
    before: Eligible | None = None,
) -> Eligible:
    """Return every workload judged on every pool.

    Args:
        fleet: pools with their hosts, whose free chips do not matter, and what was measured.
        workloads: deployments with their demand; each key once.
        further_rules: judge shapes after the planner's own rules.
        before: an earlier result, of which everything is taken over that has not changed.
    """
    known = None if before is None else before.judgement
    return Eligible(judgement(fleet, workloads, further_rules, known), before)
