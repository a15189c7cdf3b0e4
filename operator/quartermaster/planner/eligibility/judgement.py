"""Judging a fleet, all of it or only what has changed. The tables; what is read of them is beside, in ``judged``."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from quartermaster.planner.eligibility.admission import Admission, Causes, Codes, Ids
from quartermaster.planner.eligibility.judged import View
from quartermaster.planner.eligibility.serving import NO_KEYS, Judge, Serving
from quartermaster.planner.fleet import Fleet, Key, Pool, Workload
from quartermaster.planner.rules.order import POOL_RULES, SHAPE_RULES
from quartermaster.planner.rules.rule import ShapeRule
from quartermaster.planner.rules.shapes import running_keys_by_pool
from quartermaster.planner.throughput.fit import profiles_by_key

_MOST_REMEMBERED = 64
"""Things remembered for each deployment and pool, beyond which everything is judged anew: what past fleets asked and
offered must not be kept for ever."""

Flags = NDArray[np.bool_]
_T = TypeVar("_T", np.int16, np.bool_)


class Row(NamedTuple):
    """One workload, and what rules read of it."""

    workload: Workload
    asks: tuple[int, ...]
    serving: Serving
    running_by_pool: Mapping[str, frozenset[str]]
    abouts: tuple[object, ...] | None
    """What further rules read; None where one of them does not say."""
    profiles: int
    """Number of what was measured of the model."""


class Column(NamedTuple):
    """One pool, what rules read of it, and what candidates show of it."""

    pool: Pool
    offers: tuple[int, ...]
    kind: int
    """-1 for a pool without chips that are known."""
    shown: tuple[object, ...]


class Memory(NamedTuple):
    """What rules were found to say. It only grows, and holds nothing that is true of one fleet alone."""

    admission: Admission
    judge: Judge

    @property
    def size(self) -> int:
        """How much is remembered."""
        return self.admission.size + self.judge.size


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """Every workload judged on every pool."""

    memory: Memory
    view: View
    rows: dict[Key, Row]
    """In the order of the keys."""
    place_by_key: dict[Key, int]
    columns: tuple[Column, ...]
    codes: Codes
    """Cause that refuses each pool to each workload as a whole; workloads × pools."""
    open: Flags
    """Whether a pool of the kind is open to the workload; workloads × kinds."""
    change: "Change | None" = None
    """What is otherwise than in the judgement before; None where there was none."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is otherwise than in the judgement before."""

    rows: frozenset[Key]
    """Deployments that are new or ask otherwise."""
    columns: frozenset[str]
    """Pools that are new, gone, or offer otherwise."""
    touched: frozenset[Key]
    """Other deployments to which one of these pools is open, or was."""


def judgement(
    fleet: Fleet, workloads: Sequence[Workload], further: Sequence[ShapeRule], before: Judgement | None
) -> Judgement:
    """Return every workload judged on every pool; of an earlier judgement everything that still holds is taken over."""
    rules = (*SHAPE_RULES, *further)
    if before is not None and not _is_usable(before, rules):
        before = None
    memory = _nothing_known(rules) if before is None else before.memory
    profiles = profiles_by_key(fleet.profiles)
    memory.judge.begin(rules, profiles)
    rows = _rows(workloads, fleet.today, memory, before)
    columns = tuple(_columns(fleet.pools, memory, before))
    view = View(
        pools=tuple([column.pool for column in columns]),
        kinds=np.array([column.kind for column in columns], dtype=np.int32),
        today=fleet.today,
        rules=rules,
        profiles=profiles,
        causes=memory.judge.causes,
        position_by_name={column.pool.name: place for place, column in enumerate(columns)},
        has_external=any(column.pool.external is not None for column in columns),
        is_external=np.array([column.pool.external is not None for column in columns], dtype=np.bool_),
        dollars_per_chip_hour=np.array([column.pool.dollars_per_chip_hour or 0.0 for column in columns]),
    )
    if before is None:
        return _anew(memory, view, rows, columns)
    return _amended(memory, view, rows, columns, before)


def _is_usable(before: Judgement, rules: Sequence[ShapeRule]) -> bool:
    """Whether memory is of the same rules, and has not grown out of proportion."""
    is_same = [(r.name, r.reads) for r in before.view.rules] == [(r.name, r.reads) for r in rules]
    return is_same and before.memory.size <= _MOST_REMEMBERED * (1 + len(before.rows) + len(before.columns))


def _nothing_known(rules: Sequence[ShapeRule]) -> Memory:
    causes = Causes()
    return Memory(Admission(POOL_RULES, causes), Judge(rules, causes))


def _rows(workloads: Sequence[Workload], today: date, memory: Memory, before: Judgement | None) -> dict[Key, Row]:
    known = before.rows if before is not None and before.view.today == today else {}
    judge, found = memory.judge, {}
    for workload in sorted(workloads, key=lambda w: (w.key.namespace, w.key.name)):
        old = known.get(workload.key)
        abouts, profiles = judge.abouts(workload), judge.profiles_number(workload.model.name)
        is_known = old is not None and abouts is not None and (abouts, profiles) == (old.abouts, old.profiles)
        if old is None or not is_known or old.workload != workload:
            reads = (memory.admission.asks(workload, today), abouts, profiles)
            old = _row(workload, reads, judge, old if is_known else None)
        elif old.workload is not workload:
            old = old._replace(workload=workload)
        found[workload.key] = old
    return found


def _row(
    workload: Workload, reads: tuple[tuple[int, ...], tuple[object, ...] | None, int], judge: Judge, old: Row | None
) -> Row:
    asks, abouts, profiles = reads
    asked = judge.asked(workload)
    serving = Serving(asked)
    if old is not None and (old.workload.spec, old.workload.model) == (workload.spec, workload.model):
        is_same = all(left is right for left, right in zip(old.serving.asked, asked, strict=True))
        serving = old.serving if is_same else Serving(asked, further_by_case=old.serving.further_by_case)
    return Row(workload, asks, serving, running_keys_by_pool(workload), abouts, profiles)


def _columns(pools: Sequence[Pool], memory: Memory, before: Judgement | None) -> list[Column]:
    known = {} if before is None else {column.pool.name: column for column in before.columns}
    found = []
    for pool in sorted(pools, key=lambda pool: pool.name):
        old = known.get(pool.name)
        if old is None or old.pool is not pool:
            kind = memory.judge.kind(pool)
            shown = (pool.cluster, pool.region, pool.accelerator_name, pool.dollars_per_chip_hour, pool.external)
            old = Column(pool, memory.admission.offers(pool), -1 if kind is None else kind.number, shown)
        found.append(old)
    return found


def _anew(memory: Memory, view: View, rows: dict[Key, Row], columns: tuple[Column, ...]) -> Judgement:
    codes = memory.admission.codes(_asks(rows.values()), _offers(columns))
    is_open = _open(codes, view.kinds, len(memory.judge.kinds))
    _judge(memory.judge, view, rows, codes, pairs=np.argwhere(is_open))
    return Judgement(memory, view, rows, {key: place for place, key in enumerate(rows)}, columns, codes, is_open)


def _amended(
    memory: Memory, view: View, rows: dict[Key, Row], columns: tuple[Column, ...], before: Judgement
) -> Judgement:
    row_places = [i for i, row in enumerate(rows.values()) if _is_otherwise(row, before, view)]
    old_columns = {column.pool.name: column for column in before.columns}
    column_places = [i for i, column in enumerate(columns) if _is_changed(column, old_columns)]
    gone = [i for name, i in before.view.position_by_name.items() if name not in view.position_by_name]
    is_same_layout = rows.keys() == before.rows.keys() and view.position_by_name == before.view.position_by_name
    codes, is_open, place_by_key = before.codes, before.open, before.place_by_key
    old_codes, old_open = before.codes, before.open
    if not is_same_layout:
        place_by_key = {key: place for place, key in enumerate(rows)}
        origin = np.array([before.place_by_key.get(key, -1) for key in rows], dtype=np.intp)
        old_codes, old_open = _taken(before.codes, origin), _taken(before.open, origin)
    touched = np.zeros(len(rows), dtype=np.bool_)
    if row_places or column_places or not is_same_layout:
        positions = [before.view.position_by_name.get(column.pool.name, -1) for column in columns]
        codes = _taken(old_codes.T, np.array(positions, dtype=np.intp)).T.copy()
        asks, offers = _asks(rows.values()), _offers(columns)
        codes[row_places] = memory.admission.codes(asks[row_places], offers)
        codes[:, column_places] = memory.admission.codes(asks, offers[column_places])
        was = [p for i in column_places if (p := positions[i]) >= 0] + gone
        touched = (codes[:, column_places] == 0).any(axis=1) | (old_codes[:, was] == 0).any(axis=1)
        touched[row_places] = False
        is_open = _open(codes, view.kinds, len(memory.judge.kinds))
        was_open = np.zeros_like(is_open)
        was_open[:, : old_open.shape[1]] = old_open
        was_open[row_places] = False
        _judge(memory.judge, view, rows, codes, pairs=np.argwhere(is_open & ~was_open))
    keys = list(rows)
    change = Change(
        frozenset([keys[i] for i in row_places]),
        frozenset([columns[i].pool.name for i in column_places] + [before.columns[i].pool.name for i in gone]),
        frozenset([keys[i] for i in np.flatnonzero(touched).tolist()]),
    )
    return Judgement(memory, view, rows, place_by_key, columns, codes, is_open, change)


def _is_otherwise(row: Row, before: Judgement, view: View) -> bool:
    """Whether the row is new, or something is otherwise that verdicts depend on or candidates show."""
    old = before.rows.get(row.workload.key)
    if old is row:
        return False
    if old is None or old.serving is not row.serving:
        return True
    if (old.asks, old.running_by_pool) != (row.asks, row.running_by_pool):
        return True
    # The rate decides nothing but how much a tenth of the load is.
    return view.has_external and old.workload.demand != row.workload.demand


def _is_changed(column: Column, old_columns: Mapping[str, Column]) -> bool:
    old = old_columns.get(column.pool.name)
    return old is None or (old is not column and old[1:] != column[1:])


def _taken(table: NDArray[_T], origin: NDArray[np.intp]) -> NDArray[_T]:
    """Return the rows from where they were, and nothing where they are new."""
    found = np.zeros((len(origin), table.shape[1]), dtype=table.dtype)
    found[origin >= 0] = table[origin[origin >= 0]]
    return found


def _asks(rows: Iterable[Row]) -> Ids:
    return _numbers([row.asks for row in rows])


def _offers(columns: Iterable[Column]) -> Ids:
    return _numbers([column.offers for column in columns])


def _numbers(rows: Sequence[tuple[int, ...]]) -> Ids:
    return np.array(rows, dtype=np.int32).reshape(len(rows), len(POOL_RULES))


def _open(codes: Codes, kinds: Ids, count: int) -> Flags:
    """Return whether some pool of a kind is open to a workload; workloads × kinds."""
    found = np.zeros((len(codes), count), dtype=np.bool_)
    for kind in np.unique(kinds[kinds >= 0]).tolist():
        found[:, kind] = (codes[:, kinds == kind] == 0).any(axis=1)
    return found


def _judge(judge: Judge, view: View, rows: dict[Key, Row], codes: Codes, *, pairs: NDArray[np.intp]) -> None:
    """Judge the shapes of workloads on kinds, given by place and number, and on every pool where some run."""
    ordered = list(rows.values())
    wanted: list[tuple[Workload, Serving, int, frozenset[str]]] = []
    for place, kind in pairs.tolist():
        row = ordered[place]
        if (kind, NO_KEYS) not in row.serving.outcomes:
            wanted.append((row.workload, row.serving, kind, NO_KEYS))
    for place, row in enumerate(ordered):
        for name, keys in row.running_by_pool.items():
            position = view.position_by_name.get(name)
            if position is None or codes[place, position]:
                continue
            kind = int(view.kinds[position])
            if kind >= 0 and (kind, keys) not in row.serving.outcomes:
                wanted.append((row.workload, row.serving, kind, keys))
    judge.judge(wanted)
