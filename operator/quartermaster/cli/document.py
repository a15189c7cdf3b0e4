"""The documents that the verbs print: ``apiVersion``, ``kind``, camelCase fields, numbers as JSON numbers.

Fields of ``Plan``: ``dollarsPerHour`` (cost of all placements), ``objective`` (what was minimised: cost, with unmet
demand, preferences and changes priced in), ``bound`` (no admissible plan has a lower objective), ``gapFraction``,
``solveSeconds``, ``placements``, ``shortfalls``, ``rejections`` and, when asked for, ``candidates``.
"""

from typing import Any

from quartermaster.api.names import API_VERSION
from quartermaster.planner.plan import Candidate, Placement, Plan, Rejection, Shortfall

Document = dict[str, Any]


def plan_document(plan: Plan, *, solve_seconds: float, with_candidates: bool) -> Document:
    """Return the plan as a document of kind ``Plan``."""
    document: Document = {
        "apiVersion": API_VERSION,
        "kind": "Plan",
        "dollarsPerHour": plan.dollars_per_hour,
        "objective": plan.objective,
        "bound": plan.bound,
        "gapFraction": plan.gap_fraction,
        "solveSeconds": round(solve_seconds, 6),
        "placements": [_placement(placement) for placement in plan.placements],
        "shortfalls": [_shortfall(shortfall) for shortfall in plan.shortfalls],
        "rejections": [_rejection(rejection) for rejection in plan.rejections],
    }
    if with_candidates:
        document["candidates"] = [_candidate(candidate) for candidate in plan.candidates]
    return document


def _candidate(candidate: Candidate) -> Document:
    return {
        "namespace": candidate.workload.namespace,
        "name": candidate.workload.name,
        "cluster": candidate.cluster,
        "region": candidate.region,
        "pool": candidate.pool,
        "accelerator": candidate.accelerator,
        "shape": candidate.shape.key,
        "chipsPerReplica": 0 if candidate.is_external else candidate.shape.chips,
        "requestsPerSecondPerReplica": candidate.throughput.requests_per_second,
        "tokensPerSecondPerReplica": candidate.throughput.tokens_per_second,
        "throughputSource": candidate.throughput.source.value,
        "dollarsPerHourPerReplica": candidate.dollars_per_hour,
        "isExternal": candidate.is_external,
    }


def _placement(placement: Placement) -> Document:
    return {
        **_candidate(placement.candidate),
        "replicas": placement.replicas,
        "dollarsPerHour": placement.dollars_per_hour,
    }


def _shortfall(shortfall: Shortfall) -> Document:
    return {
        "namespace": shortfall.workload.namespace,
        "name": shortfall.workload.name,
        "requestsPerSecond": shortfall.requests_per_second,
        "replicas": shortfall.replicas,
        "cause": shortfall.cause,
        "reason": shortfall.reason,
        "message": shortfall.message,
        "remedy": shortfall.remedy,
    }


def _rejection(rejection: Rejection) -> Document:
    return {
        "namespace": rejection.workload.namespace,
        "name": rejection.workload.name,
        "pool": rejection.pool,
        "shape": rejection.shape_key,
        "rule": rejection.rule,
        "reason": rejection.reason,
        "message": rejection.message,
        "remedy": rejection.remedy,
    }
