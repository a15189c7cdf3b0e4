"""Statuses for a person: what is amiss stands first, within a terminal, and nothing is judged anew."""

from typing import Any

from quartermaster.cli import statuspage
from quartermaster.cli.table import WIDTH

Object = dict[str, Any]

ON_NODES: Object = {
    "cluster": "local",
    "region": "europe-west4",
    "pool": "europe-west4-nvidia-h100-sxm-spot",
    "accelerator": "nvidia-h100-sxm",
    "shape": "vllm-fp8-tp2",
    "zone": "",
    "engine": "VLLM",
    "desired": 2,
    "ready": 1,
    "tokensPerSecond": "9609",
    "dollarsPerHour": "47.52",
    "share": "0.9",
    "throughputSource": "Measured",
    "priceSource": "Listed",
}
HOSTED = ON_NODES | {
    "pool": "hosted",
    "region": "us-west-2",
    "accelerator": "groq-lpu-v1",
    "desired": 0,
    "ready": 0,
    "share": "0.1",
    "throughputSource": "Declared",
    "priceSource": "Declared",
    "endpoint": "https://api.inference.example.com/openai",
}
STATUS: Object = {
    "observedGeneration": 2,
    "conditions": [
        {"type": "Ready", "status": "False", "reason": "ReplicasNotReady", "message": "1 of 2 replicas is ready"},
        {"type": "Stalled", "status": "False", "reason": "NotStalled", "message": ""},
    ],
    "replicas": 2,
    "readyReplicas": 1,
    "placements": [ON_NODES, HOSTED],
    "demand": {
        "requestsPerSecond": "4.5",
        "inputTokens": 900,
        "outputTokens": 300,
        "waitingRequests": 1,
        "source": "Measured",
    },
    "capacity": {"requestsPerSecond": "4", "tokensPerSecond": "1200", "unservedRequestsPerSecond": "0.5"},
    "cost": {
        "dollarsPerHour": "95.04",
        "dollarsPerMillionTokens": "1.25",
        "fleetGap": "0.0123",
        "fleetGapDollarsPerHour": "8.5",
    },
    "rejections": [
        {"rule": "residency", "reason": "X", "count": 3, "message": "wanted EU; found US", "remedy": "allow US"},
        {"rule": "memory", "reason": "Y", "count": 1, "message": "wanted more", "remedy": "use a larger chip"},
    ],
    "decision": {"id": "abc", "time": "2026-11-21T12:00:00Z", "reason": "cheapest for the whole fleet " * 8},
}


def row(name: str = "chat", *, generation: int = 2, **changes: Any) -> Object:
    """Return an item of a StatusList; ``changes`` replace parts of its status."""
    return {"namespace": "default", "name": name, "generation": generation, "status": {**STATUS, **changes}}


def ready(message: str = "all serve") -> Object:
    """Return conditions of a deployment that is ready."""
    return {"conditions": [{"type": "Ready", "status": "True", "reason": "Serving", "message": message}]}


def test_a_table_of_all_with_the_reasons_below() -> None:
    """One that is not ready tells what it waits for, one that is ready why it was placed so."""
    page = statuspage.overview([row(), row("fine", **ready())])
    table, reasons = page.split("\n\n")
    assert table.splitlines()[:4] == [
        "  SHAPE           READY  REGION        ACCELERATOR      POOL    SHARE   TOKENS/S         $/H",
        "default/chat: not ready, 1 of 2 replicas serving, $95.04 per hour",
        "  vllm-fp8-tp2      1/2  europe-west4  nvidia-h100-sxm  …-spot    90%  9610 meas  47.52 list",
        "  hosted service      -  us-west-2     groq-lpu-v1      hosted    10%  9610 decl  47.52 decl",
    ]
    assert reasons.startswith("default/chat: ReplicasNotReady: 1 of 2 replicas is ready\ndefault/fine: cheapest for")
    assert max(map(len, page.splitlines())) <= WIDTH


def test_replicas_that_are_spread_over_zones_are_told_zone_by_zone() -> None:
    """The zone stands for its region where it begins with it, and beside it otherwise."""
    there = [ON_NODES | {"zone": zone} for zone in ("europe-west4-a", "rack-7")]
    table, _ = statuspage.overview([row(placements=[*there, HOSTED])]).split("\n\n")
    assert table.splitlines()[:5] == [
        "  SHAPE           READY  REGION OR ZONE       ACCELERATOR      POOL    SHARE   TOKENS/S         $/H",
        "default/chat: not ready, 1 of 2 replicas serving, $95.04 per hour",
        "  vllm-fp8-tp2      1/2  europe-west4-a       nvidia-h100-sxm  …-spot    90%  9610 meas  47.52 list",
        "  vllm-fp8-tp2      1/2  europe-west4 rack-7  nvidia-h100-sxm  …-spot    90%  9610 meas  47.52 list",
        "  hosted service      -  us-west-2            groq-lpu-v1      hosted    10%  9610 decl  47.52 decl",
    ]


def test_one_in_full_tells_load_capacity_cost_and_every_refusal() -> None:
    """With units, and where the numbers come from."""
    page = statuspage.in_full(row())
    for told in (
        "4.5 requests/s of 900 + 300 tokens, measured; 1 request waiting",
        "4 requests/s, 1200 tokens/s within the objectives; 0.5 requests/s find none",
        "$95.04 per hour, $1.25 per million generated tokens at this load",
        "proven within 1.23% of the optimum, $8.50 per hour",
        "list: the catalog's list price",
        "https://api.inference.example.com/openai",
        "abc of 2026-11-21T12:00:00Z",
        "residency, 3 pools, such as: wanted EU; found US → allow US",
        "memory: wanted more → use a larger chip",
        "Stalled False NotStalled",
    ):
        assert told in " ".join(page.split())
    assert max(map(len, page.splitlines())) <= WIDTH


def test_a_status_of_an_older_spec_is_not_taken_for_the_present_one() -> None:
    """Until the operator has looked, it does not count as ready."""
    old = row(generation=3, **ready())
    assert not statuspage.is_ready(old)
    assert "default/chat: ready, but changed since" in statuspage.overview([old])
    assert "the operator has not looked at generation 3 of its spec yet" in statuspage.in_full(old)
    assert statuspage.is_ready(row(**ready()))


def test_what_nobody_has_judged_yet_is_told_as_such() -> None:
    """Before there is an operator, and before there is a deployment."""
    new = {"namespace": "default", "name": "new", "generation": 1, "status": {}}
    assert statuspage.overview([new]) == "default/new: the operator has not looked at it yet: is one running?"
    assert not statuspage.is_ready(new)
    assert "is one running?" in statuspage.in_full(new)
    assert statuspage.overview([]).startswith("There is no InferenceDeployment.")


def test_one_that_is_placed_nowhere_says_so() -> None:
    """Without a cost and without replicas."""
    nowhere = row(placements=[], replicas=0)
    assert statuspage.in_full(nowhere).startswith("default/chat: not ready, not placed\n")
    assert statuspage.overview([nowhere]) == "default/chat: ReplicasNotReady: 1 of 2 replicas is ready"
