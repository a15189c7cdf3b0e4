"""Per-model planning: every deployment's own optimum on what those before it have left.

This is Mélange's allocation (arXiv 2404.14527) for deployments of one request size each: min Σ c_j y_j over whole
numbers of replicas that serve the demand. Its paper knows no stock; here each deployment sees what is still free, for
otherwise its plan could not be compared. Spread rules hold; budgets and shares of regions are not looked at.
"""

import time

from quartermaster.planner.fleet import Fleet
from tests.benchmarks.baselines.compact import Program, solve
from tests.benchmarks.baselines.offer import CandidateId, Offer, Result, result
from tests.benchmarks.baselines.stock import Stock


def each_alone(offered: Offer) -> Result:
    """Return what comes of optimal plans made one after the other."""
    began = time.process_time()
    stock = Stock(offered.fleet)
    counts: dict[CandidateId, int] = {}
    for workload in offered.in_order:
        own = offered.candidates_by_key.get(workload.key, ())
        free = tuple(c for c in own if stock.places(c, 1))
        single = Offer(Fleet(offered.fleet.pools, offered.fleet.today), (workload,), {workload.key: free})
        most = {c.id: stock.places(c, 1000) for c in free}
        for identity, count in solve(Program(single, most=most, is_soft=True), seconds=5.0, gap_fraction=1e-3).items():
            candidate = next(c for c in free if c.id == identity)
            taken = sum(stock.take(candidate) is not None for _ in range(count))
            counts[identity] = taken
    return result(offered, counts, seconds=time.process_time() - began)
