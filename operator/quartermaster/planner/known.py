"""What a plan hands to the next one: what it was made from, and what was found out on the way. Values, and no choice.

It is not part of a plan's value: plans are equal whatever they know.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from quartermaster.planner.fleet import Key, Pool, Workload
from quartermaster.planner.numerics.arrays import Bools
from quartermaster.planner.plan import Placement, Shortfall
from quartermaster.planner.posing.pose import Posed
from quartermaster.planner.posing.problem import Needs
from quartermaster.planner.solver.solve import Solution


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What a plan was made from, and what is proven about it."""

    given: tuple[Pool, ...]
    """Pools as they were handed in ..."""
    sorted_by_id: Mapping[int, Pool]
    """... and each with its hosts in order, by the identity of the one handed in."""
    workload_by_key: Mapping[Key, Workload]
    posed: Posed
    asked: Needs
    """Needs as far as they are met: the plan is the cheapest that was found among those that serve as much."""
    is_short: Bools
    """By need: whether less is asked than it wants."""
    solution: Solution
    gap_fraction: float
    """Gap of the plan, of what is asked, to the bound at these prices."""
    goal_fraction: float
    """Gap that was reached when everything was planned anew."""
    placements_by_key: Mapping[Key, tuple[Placement, ...]]
    shortfall_by_key: Mapping[Key, Shortfall]
