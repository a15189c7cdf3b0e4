"""What a change of counts must stay within: the deployment's own bounds, taken from its spec once. No load here.

Rules that refuse a candidate were applied when the plan was made. Here are the bounds that depend on counts: replicas,
cost, spread. A change is admitted when it breaks none of them further than it was broken before.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from quartermaster.api.v1alpha1 import InferenceDeploymentSpec
from quartermaster.api.v1alpha1.workload import DEFAULT_MAX_REPLICAS
from quartermaster.planner.plan import Placement

DEFAULT_QUEUE_DEPTH_PER_REPLICA: Final = 4
DEFAULT_SCALE_DOWN_DELAY_SECONDS: Final = 300
_TOLERANCE: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one deployment, with defaults in place of what its spec leaves out."""

    min_replicas: int = 1
    max_replicas: int = DEFAULT_MAX_REPLICAS
    queue_depth_per_replica: float = DEFAULT_QUEUE_DEPTH_PER_REPLICA
    scale_down_delay_seconds: float = DEFAULT_SCALE_DOWN_DELAY_SECONDS
    max_dollars_per_hour: float | None = None
    min_regions: int = 1
    min_zones: int = 1
    max_region_share_fraction: float = 1.0

    @classmethod
    def of(cls, spec: InferenceDeploymentSpec) -> Self:
        """Return the bounds that a spec states."""
        scaling, placement = spec.scaling, spec.placement
        depth, delay = scaling.queue_depth_per_replica, scaling.scale_down_delay_seconds
        share = placement.max_region_share
        return cls(
            min_replicas=scaling.min_replicas,
            max_replicas=DEFAULT_MAX_REPLICAS if scaling.max_replicas is None else scaling.max_replicas,
            queue_depth_per_replica=DEFAULT_QUEUE_DEPTH_PER_REPLICA if depth is None else depth,
            scale_down_delay_seconds=DEFAULT_SCALE_DOWN_DELAY_SECONDS if delay is None else delay,
            max_dollars_per_hour=None if spec.budget is None else float(spec.budget.max_dollars_per_hour),
            min_regions=placement.min_regions or 1,
            min_zones=placement.min_zones or 1,
            max_region_share_fraction=1.0 if share is None else float(share),
        )

    def admit(self, before: Iterable[Placement], after: Iterable[Placement]) -> bool:
        """Tell whether a change of counts breaks neither budget nor spread further than before."""
        pairs = zip(self._excess(tuple(before)), self._excess(tuple(after)), strict=True)
        return all(later <= max(earlier, 0.0) + _TOLERANCE for earlier, later in pairs)

    def _excess(self, placements: tuple[Placement, ...]) -> tuple[float, float, float, float]:
        """Return by how much each bound is broken; at most 0 where it holds."""
        dollars_per_hour = sum(placement.dollars_per_hour for placement in placements)
        capacity_by_region: dict[str, float] = defaultdict(float)
        zones: set[tuple[str, str]] = set()
        for placement in placements:
            if placement.replicas > 0:
                region = placement.candidate.region
                capacity_by_region[region] += placement.requests_per_second
                zones.add((region, placement.zone))
        if not capacity_by_region:
            return (-1.0, 0.0, 0.0, 0.0)  # nothing runs: nothing is spent, and there is nothing to spread
        capacity = sum(capacity_by_region.values())
        share = max(capacity_by_region.values(), default=0.0) / capacity if capacity > 0 else 0.0
        return (
            0.0 if self.max_dollars_per_hour is None else dollars_per_hour - self.max_dollars_per_hour,
            float(self.min_regions - len(capacity_by_region)),
            float(self.min_zones - len(zones)),
            share - self.max_region_share_fraction,
        )
