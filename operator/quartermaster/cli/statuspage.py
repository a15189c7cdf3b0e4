"""Statuses for a person: what the operator wrote, as a table of all or one in full. Nothing is judged anew here."""

from collections.abc import Mapping, Sequence
from typing import Any

from quartermaster.cli import words
from quartermaster.cli.table import paragraph, refusal, table

Row = Mapping[str, Any]
"""An item of a StatusList."""

_NUMBERS = frozenset({"READY", "SHARE", "TOKENS/S", "$/H"})
_LABEL_WIDTH = 15


def is_ready(row: Row) -> bool:
    """Whether the operator calls the deployment Ready, as its spec is now."""
    state: str = _condition(row, "Ready").get("status", "Unknown")
    return state == "True" and not _is_behind(row)


def overview(rows: Sequence[Row]) -> str:
    """Return every deployment with its placements, and why it is as it is."""
    if not rows:
        return "There is no InferenceDeployment. Apply one, for example from examples/deployments."
    reasons = "\n".join(paragraph(f"{_title(row)}: {_why(row)}", indent=2) for row in rows)
    if any(row["status"].get("placements") for row in rows):
        return f"{_placements(rows)}\n\n{reasons}"
    return reasons


def in_full(row: Row) -> str:
    """Return all that the status of one deployment says."""
    conditions = [
        paragraph(f"{c['type']:{_LABEL_WIDTH}}{c['status']:9}{_reason(c)}", indent=_LABEL_WIDTH + 9)
        for c in row["status"].get("conditions") or ()
    ]
    facts = [paragraph(f"{label:{_LABEL_WIDTH}}{text}", indent=_LABEL_WIDTH) for label, text in _facts(row) if text]
    refused = [_refused(r) for r in row["status"].get("rejections") or ()]
    parts = [_placements([row]), "\n".join(facts), "\n".join(conditions)]
    if refused:
        parts.append("\n".join(["Refused:", *refused]))
    return "\n\n".join(part for part in parts if part)


def _title(row: Row) -> str:
    return f"{row['namespace']}/{row['name']}"


def _condition(row: Row, kind: str) -> Mapping[str, Any]:
    conditions: Sequence[Mapping[str, Any]] = row["status"].get("conditions") or ()
    return next((c for c in conditions if c["type"] == kind), {})


def _reason(condition: Mapping[str, Any]) -> str:
    return ": ".join(part for part in (condition.get("reason", ""), condition.get("message", "")) if part)


def _is_behind(row: Row) -> bool:
    """Whether the spec was changed since the operator last looked at it."""
    observed: int = row["status"].get("observedGeneration") or 0
    generation: int = row["generation"]
    return observed < generation


def _why(row: Row) -> str:
    """Return what one should know first: what is amiss, otherwise why it was placed as it is."""
    if not row["status"]:
        return "the operator has not looked at it yet: is one running?"
    if _is_behind(row):
        return f"the operator has not looked at generation {row['generation']} of its spec yet"
    if not is_ready(row):
        return _reason(_condition(row, "Ready")) or "not judged yet"
    return str((row["status"].get("decision") or {}).get("reason", ""))


def _placements(rows: Sequence[Row]) -> str:
    lines: list[Sequence[str] | str] = []
    placements = [placement for row in rows for placement in row["status"].get("placements") or ()]
    where = words.where_header(placement.get("zone", "") for placement in placements)
    header = ("SHAPE", "READY", where, "ACCELERATOR", "POOL", "SHARE", "TOKENS/S", "$/H")
    for row in rows:
        lines.append(_heading(row))
        lines += [_placement(placement) for placement in row["status"].get("placements") or ()]
    if not placements:
        return "\n".join(str(line) for line in lines)
    sources = [placement.get(name, "") for placement in placements for name in ("throughputSource", "priceSource")]
    legend = words.legend(sources)
    return f"{table(header, lines, to_the_right=_NUMBERS)}\n{paragraph(legend, indent=0)}"


def _heading(row: Row) -> str:
    status = row["status"]
    state = {"True": "ready", "False": "not ready"}.get(_condition(row, "Ready").get("status", ""), "not judged yet")
    parts = [f"{_title(row)}: {state}{', but changed since' if status and _is_behind(row) else ''}"]
    if status and not status.get("placements"):
        parts.append("not placed")
    elif "replicas" in status:
        parts.append(f"{status.get('readyReplicas', 0)} of {words.plural(status['replicas'], 'replica')} serving")
    if status.get("placements") and (cost := status.get("cost")):
        parts.append(f"${words.money(float(cost['dollarsPerHour']))} per hour")
    return ", ".join(parts)


def _placement(placement: Mapping[str, Any]) -> Sequence[str]:
    is_external = bool(placement.get("endpoint"))
    return (
        "hosted service" if is_external else placement["shape"],
        "-" if is_external else f"{placement['ready']}/{placement['desired']}",
        words.where(placement["region"], placement.get("zone", "")),
        placement["accelerator"],
        words.pool(placement["pool"], placement["region"], placement["accelerator"]),
        f"{float(placement['share']):.0%}",
        words.rate(float(placement["tokensPerSecond"]), placement["throughputSource"]),
        words.money(float(placement["dollarsPerHour"]), placement.get("priceSource", "")),
    )


def _facts(row: Row) -> Sequence[tuple[str, str]]:
    status = row["status"]
    demand, capacity, cost = (status.get(name) or {} for name in ("demand", "capacity", "cost"))
    decision = status.get("decision") or {}
    facts = []
    if demand:
        waiting = demand["waitingRequests"]
        text = f"{demand['requestsPerSecond']} requests/s of {demand['inputTokens']} + {demand['outputTokens']} tokens"
        facts.append(("load", f"{text}, {demand['source'].lower()}; {words.plural(waiting, 'request')} waiting"))
    if capacity:
        text = (
            f"{capacity['requestsPerSecond']} requests/s, {capacity['tokensPerSecond']} tokens/s within the objectives"
        )
        unserved = float(capacity["unservedRequestsPerSecond"])
        facts.append(("capacity", f"{text}; {unserved:g} requests/s find none" if unserved else text))
    if cost:
        tokens = float(cost["dollarsPerMillionTokens"])
        text = f"${words.money(float(cost['dollarsPerHour']))} per hour"
        text += f", ${tokens:,.2f} per million generated tokens at this load" if tokens else ""
        gap = f"the fleet's plan is proven within {float(cost['fleetGap']):.2%} of the optimum"
        if "fleetGapDollarsPerHour" in cost:
            gap += f", ${words.money(float(cost['fleetGapDollarsPerHour']))} per hour"
        facts.append(("cost", f"{text}; {gap}"))
    facts += [
        ("endpoint", placement["endpoint"]) for placement in status.get("placements") or () if "endpoint" in placement
    ]
    if decision:
        facts.append(("decision", f"{decision['id']} of {decision['time']}: {decision['reason']}"))
    if not status or _is_behind(row):
        facts.append(("note", _why(row)))
    return facts


def _refused(rejection: Mapping[str, Any]) -> str:
    count = rejection["count"]
    more = f", {count} pools, such as" if count > 1 else ""
    return refusal(f"{rejection['rule']}{more}", rejection["message"], rejection["remedy"])
