"""Options laid out for compiled code: items by need, what they take from limits, and who may want a limit. No search.

All of this is the same for problems that differ in what their needs ask for, or in the room of their limits, only.
"""

from functools import cached_property

import numpy as np

from quartermaster.planner.covers.records import GROUPS, Item, Records, Use, room_for
from quartermaster.planner.numerics.arrays import Ints, ranks_in
from quartermaster.planner.posing.problem import Problem


class Laid:
    """The options of a problem, laid out."""

    def __init__(self, problem: Problem) -> None:
        """Lay out the items; the rest follows when somebody asks."""
        self.items = _items_of(problem)
        self._options, self._usage = problem.options, problem.usage

    def suits(self, problem: Problem) -> bool:
        """Whether it is of the same options and limits."""
        return problem.options is self._options and problem.usage is self._usage

    @cached_property
    def uses(self) -> Records[Use]:
        """What options take from limits, by option."""
        uses = room_for(Use, self._usage.limit.size)
        uses["limit"][:], uses["amount"][:] = self._usage.limit, self._usage.amount
        return uses

    @cached_property
    def _wanted(self) -> tuple[Ints, Ints]:
        limit = self._usage.limit
        # Small numbers are sorted by their digits; entries are by need already, and stay so.
        order = np.argsort(limit.astype(np.min_scalar_type(limit.max(initial=0))), kind="stable")
        limit, need = limit[order], self._options.need[self._usage.option[order]]
        is_new = np.ones(limit.size, dtype=np.bool_)
        is_new[1:] = (limit[1:] != limit[:-1]) | (need[1:] != need[:-1])
        return limit[is_new], need[is_new]

    @property
    def wanted_by(self) -> Ints:
        """Needs that may want a limit, one limit after another."""
        return self._wanted[1]

    def starts(self, limits: int) -> Ints:
        """Where in ``wanted_by`` each of so many limits begins, and their end."""
        return np.searchsorted(self._wanted[0], np.arange(limits + 1))


def _items_of(problem: Problem) -> Records[Item]:
    """Return the items of a problem, by need."""
    options, usage = problem.options, problem.usage
    running = np.where(options.change_price > 0, np.minimum(options.running, options.most), 0)
    kept, more = np.flatnonzero(running > 0), np.flatnonzero(options.most > running)
    option = np.concatenate([kept, more])
    price = np.concatenate([(options.price - options.change_price)[kept], (options.price + options.change_price)[more]])
    most = np.concatenate([running[kept], (options.most - running)[more]])
    before = np.concatenate([np.zeros(kept.size, dtype=np.int64), running[more]])
    order = np.argsort(options.need[option], kind="stable")
    option = option[order]
    need = options.need[option]
    items = room_for(Item, option.size)
    items["option"][:], items["need"][:] = option, need
    items["base"][:], items["most"][:], items["before"][:] = price[order], most[order], before[order]
    items["first"][:], items["end"][:] = usage.start[option], usage.start[option + 1]
    items["is_counted"][:] = ~options.is_external[option]
    items["region"][:], items["zone"][:] = _local(need, options.region[option]), _local(need, options.zone[option])
    for name in ("share", "requests_per_second", "dollars_per_hour"):
        items[name][:] = getattr(options, name)[option]
    return items


def _local(need: Ints, value: Ints) -> Ints:
    """Return the place of each value among the values of its need; beyond what a mask holds, the last."""
    span = int(value.max(initial=0)) + 2
    unique, inverse = np.unique(need * span + value + 1, return_inverse=True)
    return np.minimum(ranks_in(unique // span)[inverse], GROUPS - 1)
