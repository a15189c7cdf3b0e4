"""The candidates of one deployment as arrays, where objects would be too many: ten million are in reach. No choice."""

from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from quartermaster.planner.candidate import Candidate
from quartermaster.planner.eligibility.external import share_dollars_per_hour
from quartermaster.planner.eligibility.judged import Judged, Offer


@dataclass(frozen=True, slots=True, eq=False)
class Admitted:
    """One entry for each candidate, in the order of ``Judged.candidates``."""

    judged: Judged
    offers: tuple[Offer, ...]
    """Shapes with what one replica sustains."""
    offer: NDArray[np.int32]
    """Place among the offers."""
    pool: NDArray[np.int32]
    """Place among the pools of ``judged.view``."""
    dollars_per_hour: NDArray[np.float64]
    """Cost of one replica."""

    @property
    def count(self) -> int:
        """Number of candidates."""
        return int(self.offer.size)

    @property
    def chips(self) -> NDArray[np.int64]:
        """Chips of one replica; 0 for an external service."""
        return np.array([shape.chips for shape, _ in self.offers], dtype=np.int64)[self.offer]

    @property
    def requests_per_second(self) -> NDArray[np.float64]:
        """What one replica sustains."""
        return np.array([rate.requests_per_second for _, rate in self.offers], dtype=np.float64)[self.offer]

    def candidate(self, place: int) -> Candidate:
        """Return one of the candidates as an object."""
        pool = self.judged.view.pools[self.pool[place]]
        shape, rate = self.offers[self.offer[place]]
        return Candidate(
            workload=self.judged.workload.key,
            pool=pool.name,
            cluster=pool.cluster,
            region=pool.region,
            accelerator=pool.accelerator_name,
            shape=shape,
            throughput=rate,
            dollars_per_hour=float(self.dollars_per_hour[place]),
            is_external=pool.external is not None,
        )


def admitted(judged: Judged) -> Admitted:
    """Return the candidates of one deployment."""
    places, kinds, offers = _by_pool(judged)
    starts = np.array([0, *accumulate(map(len, offers))], dtype=np.int64)
    lengths = np.diff(starts)[kinds] if len(kinds) else np.zeros(0, dtype=np.int64)
    pool = np.repeat(places, lengths)
    inside = np.arange(pool.size) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    offer = np.repeat(starts[:-1][kinds] if len(kinds) else lengths, lengths) + inside
    every = tuple(one for some in offers for one in some)
    chips = np.array([shape.chips for shape, _ in every], dtype=np.float64)
    dollars = judged.view.dollars_per_chip_hour[pool] * chips[offer]
    for place in np.flatnonzero(judged.view.is_external[pool]).tolist():
        service = judged.view.pools[pool[place]].external
        if service is not None:
            dollars[place] = share_dollars_per_hour(judged.workload, service)
    return Admitted(judged, every, offer.astype(np.int32), pool.astype(np.int32), dollars)


def _by_pool(judged: Judged) -> tuple[NDArray[np.int64], NDArray[np.int64], list[tuple[Offer, ...]]]:
    """Return the pools that admit something, for each the number of its tuple of offers, and these."""
    places: list[int] = []
    kinds: list[int] = []
    offers: list[tuple[Offer, ...]] = []
    for some, outcomes in judged.open_places():
        found = judged.offered(outcomes)
        if found:
            places += some
            kinds += [len(offers)] * len(some)
            offers.append(found)
    order = np.argsort(places, kind="stable") if places else np.zeros(0, dtype=np.int64)
    return np.array(places, dtype=np.int64)[order], np.array(kinds, dtype=np.int64)[order], offers
