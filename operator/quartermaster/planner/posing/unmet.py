"""What is left undone for a deployment, and its price. Formulas only.

Unmet need is priced by a convex, piecewise linear function of the part that is not met, times the cost of the whole
need: the next tenth always costs more than the one before, so deployments of one priority share a shortage in
proportion. What is served today weighs a little more than what is not.
"""

from dataclasses import dataclass, replace

import numpy as np

from quartermaster.planner.numerics.arrays import Floats, Ints
from quartermaster.planner.posing.problem import Needs

UNSERVED_PRICE = 100.0
"""Dollars per hour in the objective for every dollar per hour of need that is not met."""
NOTHING_PRICE = 30.0
"""The same for a need that is to be met whole, while it is not: dearer than any way to meet it."""
BESIDE_SHORTAGE = 1e3
"""How many times dearer that is while others may go short: their last tenths cost much too."""
SEGMENTS = 10
SPREAD_WEIGHT = 0.5
"""A missing region or zone weighs half of a need that is not met at all: serving in one place beats not serving."""
SERVED_WEIGHT = 0.1
"""By how much a part of the need weighs more when it is served today."""
TOLERANCE = 1e-6
"""A part of a rate that is nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Unmet:
    """What columns leave undone; arrays have one entry for each column."""

    rate: Floats
    """Part of the demand."""
    replicas: Ints
    regions: Ints
    zones: Ints
    excess: Floats
    """Requests per second that one region holds beyond its share."""

    def of(self, chosen: Ints) -> "Unmet":
        """Return some of the columns."""
        return Unmet(*(getattr(self, name)[chosen] for name in self.__slots__))

    @property
    def is_nothing(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether the need is met."""
        return (
            (self.rate <= TOLERANCE)
            & (self.replicas <= 0)
            & (self.regions <= 0)
            & (self.zones <= 0)
            & (self.excess <= 0)
        )


def met(needs: Needs, unmet: Unmet) -> Needs:
    """Return the needs as far as columns, one for each, meet them."""
    return replace(
        needs,
        rate=np.maximum(needs.rate - unmet.rate, 0.0),
        least=needs.least - unmet.replicas,
        regions=np.maximum(needs.regions - unmet.regions, 1),
        zones=np.maximum(needs.zones - unmet.zones, 1),
        region_excess=np.where(unmet.excess > 0, needs.region_excess + unmet.excess * (1 + 1e-6), needs.region_excess),
    )


def convex(fraction: Floats) -> Floats:
    """Return the price of a shortage of this fraction, where all of it costs 5.5."""
    price = np.zeros_like(fraction)
    for segment in range(SEGMENTS):
        price += (1.0 + segment) * np.clip(fraction - segment / SEGMENTS, 0.0, 1 / SEGMENTS)
    return price


def unmet_price(needs: Needs, of: Ints, unmet: Unmet) -> Floats:
    """Return dollars per hour in the objective for what is left undone of the needs ``of``."""
    rate = np.where(unmet.rate > TOLERANCE, unmet.rate, 0.0)
    price = convex(rate) + SERVED_WEIGHT * np.maximum(0.0, rate - (1.0 - needs.served[of]))
    price += convex(unmet.replicas / np.maximum(needs.least[of], 1))
    price += SPREAD_WEIGHT * unmet.regions / needs.regions[of]
    price += SPREAD_WEIGHT * unmet.zones / needs.zones[of]
    price += SPREAD_WEIGHT * unmet.excess / needs.share_scale[of]
    weighed: Floats = UNSERVED_PRICE * needs.weight[of] * price
    nothing = (BESIDE_SHORTAGE if needs.is_soft.any() else 1.0) * NOTHING_PRICE
    return np.where(needs.is_soft[of] | unmet.is_nothing, weighed, nothing * needs.dearest[of])
