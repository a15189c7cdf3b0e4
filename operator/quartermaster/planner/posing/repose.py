"""A posed problem amended: other offers, other hosts. Numbers that did not change are taken over; nothing is chosen.

Pools keep their numbers and limits theirs: a limit that says nothing new any more stays, so that what was proven at its
price still holds. Needs that are new come last.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from quartermaster.planner.fleet import Key
from quartermaster.planner.numerics.arrays import Bools, Floats, Ints
from quartermaster.planner.posing.limit import Entries, Limit, Rows, Usage, entries_of, limits_of, usage_from
from quartermaster.planner.posing.offer import Offer, Places
from quartermaster.planner.posing.pose import Columns, Posed, fitting_of, of_kind
from quartermaster.planner.posing.problem import Needs, Options, Problem, needs_of
from quartermaster.planner.room import Tenants

_Number = TypeVar("_Number", np.int64, np.float64, np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class Now:
    """What is otherwise, and how."""

    offers: Mapping[Key, Offer | None]
    """Of deployments that are new, gone (None) or otherwise."""
    places: Places
    """Pools as they are now, with the numbers that they had."""
    pools: Collection[int]
    """Those whose hosts are otherwise."""
    tenants: Mapping[str, Tenants]


@dataclass(frozen=True, slots=True, eq=False)
class Reposed:
    """The problem now, and where its parts were before."""

    posed: Posed
    need: Ints
    """By need before: where it is now; -1 when it is gone. One that asks otherwise keeps its place."""
    option: Ints
    """By option before: where it is now; -1 for those of needs that are gone or ask otherwise."""
    is_new: Bools
    """By need: whether it is new or asks otherwise."""
    is_grown: Bools
    """By need: whether one of its options has more places in an empty fleet."""


def repose(before: Posed, now: Now) -> Reposed:
    """Return the problem amended."""
    layout = _Layout.of(before, now.offers)
    fresh, stitched = layout.fresh, layout.stitched
    columns = before.problem.options
    kind, pool = stitched(before.kind, fresh.kind), stitched(before.pool, fresh.pool)
    fitting = _fitting(before, now, fresh)
    most, is_more = _most(before, now, layout, fitting)
    options = Options(
        need=np.repeat(np.arange(len(layout.offers)), [one.count for one in layout.offers]),
        region=stitched(columns.region, fresh.ints("region")),
        zone=stitched(columns.zone, fresh.zone),
        chips=stitched(columns.chips, fresh.chips),
        is_external=stitched(columns.is_external, fresh.ints("is_external").astype(np.bool_)),
        requests_per_second=stitched(columns.requests_per_second, fresh.floats("requests_per_second")),
        share=stitched(columns.share, fresh.floats("share")),
        price=stitched(columns.price, fresh.floats("price")),
        dollars_per_hour=stitched(columns.dollars_per_hour, fresh.floats("dollars_per_hour")),
        change_price=stitched(columns.change_price, fresh.floats("change_price")),
        running=stitched(columns.running, fresh.ints("running")),
        most=most,
    )
    limits = _limits(before, now, fresh)
    usage = _usage(before, limits, layout, options=options, pool=pool)
    room = _room(before, now, limits)
    problem = Problem(_needs(before, layout, options), options, usage, room)
    is_grown = np.zeros(len(layout.offers), dtype=np.bool_)
    is_grown[options.need[is_more]] = True
    enough = stitched(before.enough, fresh.ints("enough"))
    posed = Posed(problem, layout.offers, limits, now.places, now.tenants, pool, kind, enough, fitting)
    return Reposed(posed, layout.need, layout.option, layout.is_new, is_grown)


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    """Where needs and options come from."""

    offers: tuple[Offer, ...]
    is_new: Bools
    need: Ints
    """By need before, where it is now."""
    spans: tuple[tuple[bool, int, int], ...]
    """Spans of options, one after another: whether they were there before, from, to."""
    fresh: Columns
    """The options of offers that are new."""
    origin: Ints
    """By option, where it was before; -1 for new ones."""
    option: Ints
    """By option before, where it is now."""

    @classmethod
    def of(cls, before: Posed, changed: Mapping[Key, Offer | None]) -> "_Layout":
        """Return the layout: what asks otherwise keeps its place, and what is new comes last."""
        offers: list[Offer] = []
        is_new: list[bool] = []
        news: list[Offer] = []
        spans: list[tuple[bool, int, int]] = []
        need = np.full(len(before.offers), -1)
        at, fresh, known = 0, 0, set()

        def add(one: Offer) -> None:
            nonlocal fresh
            spans.append((False, fresh, fresh + one.count))
            fresh += one.count
            news.append(one)
            offers.append(one)
            is_new.append(True)

        for place, old in enumerate(before.offers):
            first, at = at, at + old.count
            key = old.need.key
            if key not in changed:
                if spans and spans[-1][0] and spans[-1][2] == first:
                    spans[-1] = (True, spans[-1][1], at)
                else:
                    spans.append((True, first, at))
                need[place] = len(offers)
                offers.append(old)
                is_new.append(False)
                continue
            known.add(key)
            now = changed[key]
            if now is not None:
                need[place] = len(offers)
                add(now)
        come = [one for key, one in changed.items() if one is not None and key not in known]
        for one in sorted(come, key=lambda one: one.need.nature):
            add(one)
        count = before.pool.size
        origin = np.concatenate(
            [np.zeros(0, dtype=np.int64)] + [np.arange(a, b) if old else np.full(b - a, -1) for old, a, b in spans]
        )
        option = np.full(count, -1)
        option[origin[origin >= 0]] = np.flatnonzero(origin >= 0)
        return cls(tuple(offers), np.array(is_new, dtype=np.bool_), need, tuple(spans), Columns(news), origin, option)

    def stitched(self, before: NDArray[_Number], fresh: NDArray[_Number]) -> NDArray[_Number]:
        """Return a column of the options."""
        if not self.spans:
            return fresh[:0]
        return np.concatenate([(before if old else fresh)[first:last] for old, first, last in self.spans])


def _fitting(before: Posed, now: Now, fresh: Columns) -> dict[int, int]:
    """Return how many replicas fit, by pool, size and zone."""
    pools = set(now.pools)
    stale = {kind for kind in before.fitting if of_kind(kind)[0] in pools} if pools else set()
    stale |= {kind for kind in np.unique(fresh.kind).tolist() if kind not in before.fitting}
    return {**before.fitting, **fitting_of(stale, now.places)} if stale else dict(before.fitting)


def _most(before: Posed, now: Now, layout: _Layout, fitting: Mapping[int, int]) -> tuple[Ints, Ints]:
    """Return the most replicas of each option, and the options that were there and may have more than before."""
    fresh = layout.fresh
    own = np.minimum(fresh.ints("enough"), _looked_up(fresh.kind, fitting))
    most = layout.stitched(before.problem.options.most, own)
    more: list[Ints] = [np.zeros(0, dtype=np.int64)]
    if now.pools:
        touched = np.flatnonzero(np.isin(before.pool, np.array(sorted(now.pools))) & (layout.option >= 0))
        there = layout.option[touched]
        new = np.minimum(before.enough[touched], _looked_up(before.kind[touched], fitting))
        more.append(there[new > most[there]])
        most[there] = new
    return most, np.concatenate(more)


def _looked_up(kinds: Ints, fitting: Mapping[int, int]) -> Ints:
    names, inverse = np.unique(kinds, return_inverse=True)
    return np.array([fitting[kind] for kind in names.tolist()], dtype=np.int64)[inverse]


def _limits(before: Posed, now: Now, fresh: Columns) -> tuple[Limit, ...]:
    """Return the limits: those of before with their room now, then those that are new."""
    sizes: dict[int, set[tuple[int, int]]] = {}
    for kind in np.unique(fresh.kind).tolist():
        if kind not in before.fitting:
            pool, chips, zone = of_kind(kind)
            sizes.setdefault(pool, set()).add((chips, zone))
    stale = set(now.pools) | sizes.keys()
    if not stale:
        return before.limits
    for kind in before.fitting:
        pool, chips, zone = of_kind(kind)
        if pool in stale:
            sizes.setdefault(pool, set()).add((chips, zone))
    limits = list(before.limits)
    place = {(row.pool, row.chips, row.zone): at for at, row in enumerate(limits) if row.pool in stale}
    for index in sorted(stale & sizes.keys()):
        kept = [(chips, zone) for row, chips, zone in place if row == index]
        for row in limits_of(now.places.pools[index], index, sizes[index], now.places, kept=kept):
            at = place.get((row.pool, row.chips, row.zone))
            if at is None:
                limits.append(row)
            else:
                limits[at] = row
    return tuple(limits)


def _room(before: Posed, now: Now, limits: Sequence[Limit]) -> Floats:
    """Return the room of the limits: as tight as it was, but for pools whose hosts are otherwise."""
    room = np.array([limit.most for limit in limits], dtype=np.float64)
    same = [place for place, limit in enumerate(before.limits) if limit.pool not in now.pools]
    room[same] = np.minimum(room[same], before.problem.room[same])
    return room


def _usage(before: Posed, limits: tuple[Limit, ...], layout: _Layout, *, options: Options, pool: Ints) -> Usage:
    """Return what options take: as before, with what new options take, and what all take from new limits."""
    old, fresh = before.problem.usage, layout.fresh
    rows, count = Rows.of(limits), len(before.limits)
    _, limit, amount = own = entries_of(
        rows,
        np.arange(len(limits)),
        pool=fresh.pool,
        chips=fresh.chips,
        zone=fresh.zone,
        tokens_per_second=fresh.floats("tokens_per_second"),
    )
    start = np.concatenate([[0], np.cumsum(np.bincount(own[0], minlength=fresh.pool.size))])
    # Entries lie by option, so spans of options are spans of entries.
    ends = [((old.start if is_old else start)[[first, last]].tolist(), is_old) for is_old, first, last in layout.spans]
    each = layout.stitched(np.diff(old.start), np.diff(start))
    entries: Entries = (
        np.repeat(np.arange(each.size), each),
        np.concatenate([limit[:0], *((old.limit if is_old else limit)[a:b] for (a, b), is_old in ends)]),
        np.concatenate([amount[:0], *((old.amount if is_old else amount)[a:b] for (a, b), is_old in ends)]),
    )
    if len(limits) == count:
        return Usage(*entries, np.concatenate([[0], np.cumsum(each)]))
    added = np.arange(count, len(limits))
    holders = np.flatnonzero((layout.origin >= 0) & np.isin(pool, rows.pool[added]))
    return usage_from([entries, _entries(rows, added, holders, options=options, pool=pool)], options.count)


def _entries(rows: Rows, among: Ints, chosen: Ints, *, options: Options, pool: Ints) -> Entries:
    """Return what the chosen options take from some of the limits, but for tokens."""
    option, limit, amount = entries_of(
        rows,
        among,
        pool=pool[chosen],
        chips=options.chips[chosen],
        zone=options.zone[chosen],
        tokens_per_second=np.zeros(chosen.size),
    )
    return chosen[option], limit, amount


def _needs(before: Posed, layout: _Layout, options: Options) -> Needs:
    """Return the needs, with what runs now."""
    origin = np.full(len(layout.offers), -1)
    origin[layout.need[layout.need >= 0]] = np.flatnonzero(layout.need >= 0)
    new = np.flatnonzero(layout.is_new)
    old = before.problem.needs
    fresh = needs_of([layout.offers[place].need for place in new.tolist()])
    place = np.where(layout.is_new, old.count + np.cumsum(layout.is_new) - 1, origin)
    both = Needs(*(np.concatenate([getattr(old, name), getattr(fresh, name)]) for name in Needs.__slots__))
    served = np.bincount(options.need, options.share * options.running, origin.size)
    return replace(both.of(place), served=np.minimum(served, 1.0))
