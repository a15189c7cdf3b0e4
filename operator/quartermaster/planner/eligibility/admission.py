"""Which pools admit which workloads, whatever the shape: the rules on pools as tables over what they read.

A rule is asked once for every distinct pair of what it reads of a workload and of a pool. What was found is remembered
for later calls: verdicts do not depend on who asked first.
"""

from collections.abc import Hashable, Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from quartermaster.planner.fleet import Pool, Workload
from quartermaster.planner.rules.rule import Finding, PoolRule

Codes = NDArray[np.int16]
"""Causes of refusal by their codes; 0 where nothing refuses."""
Ids = NDArray[np.int32]


class Causes:
    """Codes of pairs of rule and reason, handed out as they come."""

    def __init__(self) -> None:
        """Begin with the code of no cause."""
        self.pairs: list[tuple[str, str]] = [("", "")]
        """Rule and reason, by code."""
        self._code_by_pair: dict[tuple[str, str], int] = {}

    def code(self, rule: str, finding: Finding | None) -> int:
        """Return the code of what a rule found; 0 for nothing."""
        if finding is None:
            return 0
        pair = (rule, finding.reason)
        found = self._code_by_pair.get(pair)
        if found is None:
            found = self._code_by_pair[pair] = len(self.pairs)
            self.pairs.append(pair)
        return found


class _Table:
    """Verdicts of one rule, by what it reads of workloads and of pools."""

    def __init__(self, rule: PoolRule) -> None:
        self._rule = rule
        self._ask_ids: dict[Hashable, int] = {None: 0}
        self._offer_ids: dict[Hashable, int] = {}
        self._askers: list[tuple[Workload, date] | None] = [None]
        self._pools: list[Pool] = []
        self._codes: Codes = np.zeros((1, 0), dtype=np.int16)

    @property
    def size(self) -> int:
        return len(self._askers) + len(self._pools)

    def ask(self, workload: Workload, today: date) -> int:
        value = self._rule.asks(workload, today)
        found = self._ask_ids.get(value)
        if found is None:
            found = self._ask_ids[value] = len(self._askers)
            self._askers.append((workload, today))
        return found

    def offer(self, pool: Pool) -> int:
        value = self._rule.offers(pool)
        found = self._offer_ids.get(value)
        if found is None:
            found = self._offer_ids[value] = len(self._pools)
            self._pools.append(pool)
        return found

    def codes(self, causes: Causes) -> Codes:
        """Return the verdicts on everything that was ever asked and offered."""
        asks, offers = self._codes.shape
        if (asks, offers) != (len(self._askers), len(self._pools)):
            grown = np.zeros((len(self._askers), len(self._pools)), dtype=np.int16)
            grown[:asks, :offers] = self._codes
            for row, asker in enumerate(self._askers):
                if asker is not None:
                    for column in range(offers if row < asks else 0, len(self._pools)):
                        grown[row, column] = causes.code(
                            self._rule.name, self._rule.check(asker[0], self._pools[column], asker[1])
                        )
            self._codes = grown
        return self._codes


class Admission:
    """The rules on pools, and what they were found to say."""

    def __init__(self, rules: Sequence[PoolRule], causes: Causes) -> None:
        """Remember nothing yet."""
        self._causes = causes
        self._tables = [_Table(rule) for rule in rules]

    @property
    def size(self) -> int:
        """How much is remembered: distinct things that rules read."""
        return sum(table.size for table in self._tables)

    def asks(self, workload: Workload, today: date) -> tuple[int, ...]:
        """Return what the rules read of a workload, as one number for each rule."""
        return tuple([table.ask(workload, today) for table in self._tables])

    def offers(self, pool: Pool) -> tuple[int, ...]:
        """Return what the rules read of a pool, as one number for each rule."""
        return tuple([table.offer(pool) for table in self._tables])

    def codes(self, asks: Ids, offers: Ids) -> Codes:
        """Return the first cause that refuses each pool to each workload; workloads × pools.

        Args:
            asks: numbers of ``asks``, workloads × rules.
            offers: numbers of ``offers``, pools × rules.
        """
        found: Codes = np.zeros((len(asks), len(offers)), dtype=np.int16)
        for place in reversed(range(len(self._tables))):
            verdicts = self._tables[place].codes(self._causes)
            if len(verdicts) > 1 and verdicts.any():
                here = verdicts[:, offers[:, place]][asks[:, place]]
                np.copyto(found, here, where=here != 0)
        return found
