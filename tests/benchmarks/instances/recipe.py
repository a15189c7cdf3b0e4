"""The knobs of an instance. Values only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an instance is made to be like; equal recipes give equal instances."""

    deployments: int
    pools: int
    seed: int = 0
    tightness: float = 0.9
    """Part of all chips that the planted plan holds."""
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
    """Part of the deployments with a ceiling of cost, 1.2 to 2 times what the planted plan pays for them."""
    objectives_fraction: float = 1 / 3
    """Part of the services that hold latencies."""
    priorities: tuple[int, ...] = (0, 0, 100)
    """Priorities to draw from."""
    mixes_per_model: int = 12
    """Token mixes, with their objectives, that each model is served at; 0 gives every deployment one of its own."""
    external_pools: int = 0
    """Hosted services beside the pools."""
