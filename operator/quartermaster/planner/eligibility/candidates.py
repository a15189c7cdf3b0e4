"""Candidates and the nearest refusals of all deployments at once, for callers that want no more than that."""

from collections.abc import Sequence

from quartermaster.planner.candidate import Candidate, Rejection
from quartermaster.planner.eligibility.eligible import eligible
from quartermaster.planner.eligibility.external import EXTERNAL_UNITS
from quartermaster.planner.fleet import Fleet, Workload
from quartermaster.planner.rules.rule import ShapeRule

__all__ = ["EXTERNAL_UNITS", "candidates"]


def candidates(
    fleet: Fleet, workloads: Sequence[Workload], *, further_rules: Sequence[ShapeRule] = ()
) -> tuple[tuple[Candidate, ...], tuple[Rejection, ...]]:
    """Return every admissible candidate, and why each pool that admits none is refused, both sorted."""
    found = eligible(fleet, workloads, further_rules=further_rules)
    return tuple(found.candidates), tuple(
        judged.explain(refusal)
        for judged in found.values()
        for pool in judged.view.pools
        if (refusal := judged.on(pool.name)) is not None
    )
