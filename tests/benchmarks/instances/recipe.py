"""The knobs of an instance. Values only."""

from dataclasses import dataclass
from enum import StrEnum


class Family(StrEnum):
    """How demand and fleet come to each other."""

    PLANTED = "planted"
    """Replicas are seated on hosts first, and the demand is what they serve: a full plan is known."""
    DRAWN = "drawn"
    """Demand is drawn, and scaled so that a linear program can serve it on the wanted part of every pool: nobody knows
    whether a full plan exists."""


class Shapes(StrEnum):
    """The shapes that deployments may run in."""

    USUAL = "usual"
    """Those of the family: found where a plan is planted, one where demand is drawn."""
    FOUND = "found"
    """All that the planner finds."""
    ONE = "one"
    """The smallest that fits on each kind of chip, stated in the spec."""


class Stock(StrEnum):
    """How many nodes pools have, where demand is drawn."""

    DRAWN = "drawn"
    """As many as chance gave them: what is wanted most fills up, and the rest of the fleet stays loose."""
    FITTED = "fitted"
    """As many as the demand wants: about all pools are as full as the fullest."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an instance is made to be like; equal recipes give equal instances."""

    deployments: int
    pools: int
    seed: int = 0
    family: Family = Family.PLANTED
    tightness: float = 0.9
    """Part of all chips that the planted plan holds, or the part of each pool that a linear program needs at most."""
    stock: Stock = Stock.DRAWN
    shapes: Shapes = Shapes.USUAL
    regions: int = 12
    """Regions of the fleet, at most 12."""
    most_regions_allowed: int = 4
    """Each deployment may run in 1 to this many of them."""
    accelerator_types: int = 10
    """Kinds of chips, at most 13."""
    types_allowed_fraction: float = 0.75
    nodes: tuple[int, int] = (2, 39)
    """Fewest and most nodes of a pool."""
    node_chips: tuple[int, ...] = ()
    """Sizes that nodes may have; those usual for each chip when empty. Slices of TPUs keep theirs."""
    most_zones: int = 3
    """Each pool lies in 1 to this many zones of its region."""
    price_spread_fraction: float = 0.2
    """Prices differ by up to this much from the catalog's."""
    spread_fraction: float = 1 / 3
    """Part of the deployments with a spread rule: two regions, two zones, or at most 0.6 in one region."""
    running_fraction: float = 1 / 3
    """Part of the deployments that run already, up to three tenths of their replicas missing: moving them costs."""
    fragmented_fraction: float = 0.1
    """Part of the nodes on which pods of others hold some of the chips."""
    budget_fraction: float = 0.05
    """Part of the deployments with a ceiling of cost, 1.2 to 2 times what the planted plan pays; none where drawn."""
    objectives_fraction: float = 1 / 3
    """Part of the services that hold latencies."""
    priorities: tuple[int, ...] = (0, 0, 100)
    """Priorities to draw from."""
    mixes_per_model: int = 12
    """Token mixes, with their objectives, that each model is served at; 0 gives every deployment one of its own."""
    demand_sigma: float = 1.1
    """Where demand is drawn: of its logarithm, about one replica. ServeGen's own rates when 0."""
    external_pools: int = 0
    """Hosted services beside the pools."""

    @property
    def has_one_shape(self) -> bool:
        """Whether every deployment states one shape for each kind of chip."""
        return self.shapes == Shapes.ONE or (self.shapes == Shapes.USUAL and self.family == Family.DRAWN)
