"""The documents that the verbs print: ``apiVersion``, ``kind``, camelCase fields, numbers as JSON numbers.

Rates are per second, money is in dollars per hour, fractions are from 0 to 1. ``…Source`` says where a number
comes from: Measured (a ModelProfile, or load observed), Declared (in an object), Listed (the catalog's price) or
Estimated.

``Plan``:

- ``dollarsPerHour``: cost of all placements; ``objective``: what was minimised, which is the cost with unmet demand,
  preferences and changes priced in; ``bound``: no admissible plan that leaves as little unserved has a lower objective;
  ``gapFraction``: by how much the plan may be above the optimum at most; ``solveSeconds``: time that the decision took.
- ``deployments``: what each must serve: requestsPerSecond of inputTokens and outputTokens, or replicas where somebody
  else scales; demandSource.
- ``placements``: namespace, name, cluster, region, pool, capacityType, accelerator, shape, engine, chipsPerReplica,
  requestsPerSecondPerReplica, tokensPerSecondPerReplica, throughputSource, dollarsPerHourPerReplica, priceSource,
  isExternal, replicas (tenths of the load for an external service), zone (where they are spread over zones),
  dollarsPerHour.
- ``shortfalls``: requestsPerSecond and replicas that are not served; cause, reason, message, remedy.
- ``worthOfOneMoreNode``: the pools, at most five, where one more node would be worth most: pool, region, accelerator,
  chips of the node, dollarsPerHourOfNode; ``served``: who goes short and would find room on it, with requestsPerSecond
  and replicas; ``savedDollarsPerHour``: what the plan would cost less instead, were it to serve no more, with the chips
  that it uses there paid. That is an estimate at the margin, of the relaxation: a plan with the node saves at most this
  and the present gap.
- ``rejections``: every candidate refused: pools alike in deployment, shape (empty when the whole pool is refused), rule
  and reason are one entry with their names in ``pools``; pool, message and remedy are those of the first. With
  ``--show-rejections`` every candidate is an entry of its own.
- ``candidates``: when asked for: every candidate that no rule refuses, with the fields of a placement but for counts.
- ``refusedInputs``: objects that cannot be planned with: kind, namespace, name, reason, message.

``Estimate``: model, accelerator, engine, precision, the parallelisms, chips, inputTokens, outputTokens, concurrency,
of which ``running`` hold cache; timeToFirstTokenMilliseconds and interTokenLatencyMilliseconds with mean, and low and
high one standard deviation away; requestsPerSecond; tokensPerSecond perReplica, perChip, perDollar (tokens) and
perWatt; kvCapacityTokens; ``limit`` and ``stepFractions``, what takes the time of a step; source; dollarsPerChipHour,
priceBasis.

``StatusList``: ``items`` of namespace, name, generation, and the ``status`` of the InferenceDeployment as written.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from quartermaster.api.names import API_VERSION
from quartermaster.cli.making import Made, Refused
from quartermaster.planner.eligibility.eligible import Eligible
from quartermaster.planner.explain.worth import NodeWorth
from quartermaster.planner.fleet import Demand, Key, Pool, Source
from quartermaster.planner.plan import Candidate, Placement, Rejection, Shortfall

Document = dict[str, Any]


def plan_document(made: Made, *, with_candidates: bool, with_all_rejections: bool) -> Document:
    """Return the plan as a document of kind ``Plan``."""
    plan, pools = made.plan, made.pool_by_name
    document: Document = {
        "apiVersion": API_VERSION,
        "kind": "Plan",
        "dollarsPerHour": _figure(plan.dollars_per_hour),
        "objective": _figure(plan.objective),
        "bound": _figure(plan.bound),
        "gapFraction": _figure(plan.gap_fraction),
        "solveSeconds": round(made.solve_seconds, 6),
        "deployments": [_demand(key, demand) for key, demand in sorted(made.demand_by_key.items())],
        "placements": [_placement(placement, pools) for placement in plan.placements],
        "shortfalls": [_shortfall(shortfall) for shortfall in plan.shortfalls],
        "worthOfOneMoreNode": [_worth(worth) for worth in made.worths],
        "rejections": list(_every(plan.rejections) if with_all_rejections else _grouped(plan.eligible)),
        "refusedInputs": [_refused(refused) for refused in made.refused],
    }
    if with_candidates:
        document["candidates"] = [_candidate(candidate, pools) for candidate in plan.candidates]
    return document


def status_list(items: Iterable[Mapping[str, Any]]) -> Document:
    """Return the statuses of InferenceDeployments as a document of kind ``StatusList``."""
    return {"apiVersion": API_VERSION, "kind": "StatusList", "items": _entries(items)}


def price_source(candidate: Candidate, pools: Mapping[str, Pool]) -> str:
    """Return where the price of a candidate comes from; that of a service is always declared."""
    return (Source.DECLARED if candidate.is_external else pools[candidate.pool].price_source).value


def _entries(items: Iterable[Mapping[str, Any]]) -> Sequence[Document]:
    return [
        {
            "namespace": item["metadata"]["namespace"],
            "name": item["metadata"]["name"],
            "generation": item["metadata"].get("generation", 0),
            "status": item.get("status") or {},
        }
        for item in items
    ]


def _figure(number: float) -> float:
    """Return the number without the digits that only the order of additions made."""
    return float(f"{number:.9g}")


def _demand(key: Key, demand: Demand) -> Document:
    wanted: Document = {"namespace": key.namespace, "name": key.name}
    if demand.replicas is None:
        wanted["requestsPerSecond"] = _figure(demand.requests_per_second)
    else:
        wanted["replicas"] = demand.replicas
    return {
        **wanted,
        "inputTokens": _figure(demand.input_tokens),
        "outputTokens": _figure(demand.output_tokens),
        "demandSource": demand.source.value,
    }


def _candidate(candidate: Candidate, pools: Mapping[str, Pool]) -> Document:
    throughput = candidate.throughput
    return {
        "namespace": candidate.workload.namespace,
        "name": candidate.workload.name,
        "cluster": candidate.cluster,
        "region": candidate.region,
        "pool": candidate.pool,
        "capacityType": pools[candidate.pool].capacity_type.value,
        "accelerator": candidate.accelerator,
        "shape": candidate.shape.key,
        "engine": "External" if candidate.is_external else candidate.shape.engine.value,
        "chipsPerReplica": 0 if candidate.is_external else candidate.shape.chips,
        "requestsPerSecondPerReplica": _figure(throughput.requests_per_second),
        "tokensPerSecondPerReplica": _figure(throughput.tokens_per_second),
        "throughputSource": throughput.source.value,
        "dollarsPerHourPerReplica": _figure(candidate.dollars_per_hour),
        "priceSource": price_source(candidate, pools),
        "isExternal": candidate.is_external,
    }


def _placement(placement: Placement, pools: Mapping[str, Pool]) -> Document:
    return {
        **_candidate(placement.candidate, pools),
        **({"zone": placement.zone} if placement.zone else {}),
        "replicas": placement.replicas,
        "dollarsPerHour": _figure(placement.dollars_per_hour),
    }


def _shortfall(shortfall: Shortfall) -> Document:
    return {
        "namespace": shortfall.workload.namespace,
        "name": shortfall.workload.name,
        "requestsPerSecond": _figure(shortfall.requests_per_second),
        "replicas": shortfall.replicas,
        "cause": shortfall.cause,
        "reason": shortfall.reason,
        "message": shortfall.message,
        "remedy": shortfall.remedy,
    }


def _worth(worth: NodeWorth) -> Document:
    return {
        "pool": worth.pool,
        "region": worth.region,
        "accelerator": worth.accelerator,
        "chips": worth.chips,
        "dollarsPerHourOfNode": _figure(worth.node_dollars_per_hour),
        "served": [
            {
                "namespace": one.workload.namespace,
                "name": one.workload.name,
                "requestsPerSecond": _figure(one.requests_per_second),
                "replicas": one.replicas,
            }
            for one in worth.served
        ],
        "savedDollarsPerHour": _figure(worth.saved_dollars_per_hour),
    }


def _every(rejections: Iterable[Rejection]) -> Iterator[Document]:
    for rejection in rejections:
        yield _rejection(rejection, [rejection.pool])


def _grouped(eligible: Eligible) -> Iterator[Document]:
    """Yield what is refused to each deployment, pools that are refused alike together."""
    for judged in eligible.values():
        for refusal, pools in judged.alike():
            yield _rejection(judged.explain(refusal), pools)


def _rejection(rejection: Rejection, pools: list[str]) -> Document:
    return {
        "namespace": rejection.workload.namespace,
        "name": rejection.workload.name,
        "pool": rejection.pool,
        "pools": pools,
        "shape": rejection.shape_key,
        "rule": rejection.rule,
        "reason": rejection.reason,
        "message": rejection.message,
        "remedy": rejection.remedy,
    }


def _refused(refused: Refused) -> Document:
    return {
        "kind": refused.kind,
        "namespace": refused.namespace,
        "name": refused.name,
        "reason": refused.reason,
        "message": refused.message,
    }
