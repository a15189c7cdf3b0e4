"""The verb ``status``: where each InferenceDeployment runs, how it is, and why, as the operator reports it."""

import argparse
from typing import Any

from quartermaster.api.names import API_VERSION
from quartermaster.cli import live
from quartermaster.cli.files import BadInputError
from quartermaster.cli.output import show
from quartermaster.cli.table import paragraph, refusal, table
from quartermaster.cluster import resources
from quartermaster.cluster.errors import ApiError

HELP = "show where each InferenceDeployment runs, how it is, and why"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("name", nargs="?", help="one InferenceDeployment in full; all of them when absent")
    parser.add_argument("-n", "--namespace", help="namespace; all of them when absent")


async def run(given: argparse.Namespace) -> int:
    """Print the statuses; returns 1 when one of them is not Ready.

    Raises:
        BadInputError: when the named deployment is not there.
    """
    async with live.client(given.kubeconfig, given.context) as client:
        if given.name:
            try:
                found = [await client.get(resources.INFERENCE_DEPLOYMENTS, given.namespace or "default", given.name)]
            except ApiError as error:
                if not error.is_not_found:
                    raise
                raise BadInputError(
                    f"wanted InferenceDeployment {given.namespace or 'default'}/{given.name}, found none: "
                    "check the name, and the namespace with -n"
                ) from None
        else:
            found = await client.list(resources.INFERENCE_DEPLOYMENTS, given.namespace)
    rows = [_entry(item) for item in found]
    document = {"apiVersion": API_VERSION, "kind": "StatusList", "items": rows}
    show(document, given.output, lambda: _in_full(rows[0]) if given.name else _overview(rows))
    return 0 if all(_condition(row, "Ready").get("status") == "True" for row in rows) else 1


def _entry(item: dict[str, Any]) -> dict[str, Any]:
    metadata = item["metadata"]
    return {
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "generation": metadata.get("generation", 0),
        "status": item.get("status") or {},
    }


def _condition(row: dict[str, Any], kind: str) -> dict[str, Any]:
    conditions: list[dict[str, Any]] = row["status"].get("conditions") or []
    return next((c for c in conditions if c["type"] == kind), {})


def _overview(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "There is no InferenceDeployment. Apply one, for example from examples/deployments."
    header = ("DEPLOYMENT", "READY", "ACCELERATOR", "REGION", "POOL", "REPLICAS", "SHARE", "TOKENS/S", "$/H")
    lines, reasons = [], []
    for row in rows:
        name = f"{row['namespace']}/{row['name']}"
        ready = _condition(row, "Ready")
        placements = row["status"].get("placements") or [{}]
        for number, placement in enumerate(placements):
            is_first = number == 0
            lines.append(
                (
                    name if is_first else "",
                    ready.get("status", "Unknown") if is_first else "",
                    placement.get("accelerator", "-"),
                    placement.get("region", "-"),
                    placement.get("pool", "-"),
                    _replicas(placement),
                    f"{float(placement['share']):.0%}" if "share" in placement else "-",
                    placement.get("tokensPerSecond", "-"),
                    placement.get("dollarsPerHour", "-"),
                )
            )
        why = _reason(row) if ready.get("status") == "True" else ready.get("message", "not judged yet")
        reasons.append(paragraph(f"{name}: {why}", indent=2))
    return "\n\n".join((table(header, lines), "\n".join(reasons)))


def _replicas(placement: dict[str, Any]) -> str:
    if not placement:
        return "-"
    if placement.get("endpoint"):
        return "external"
    return f"{placement['ready']}/{placement['desired']}"


def _reason(row: dict[str, Any]) -> str:
    return str((row["status"].get("decision") or {}).get("reason", ""))


def _in_full(row: dict[str, Any]) -> str:
    status = row["status"]
    parts = [_overview([row])]
    conditions = status.get("conditions") or []
    parts.append(
        "\n".join(
            paragraph(f"{c['type']:12} {c['status']:8} {c['reason']}: {c.get('message', '')}", indent=22)
            for c in conditions
        )
    )
    numbers = []
    if demand := status.get("demand"):
        numbers.append(
            f"load      {demand['requestsPerSecond']} requests/s of {demand['inputTokens']} tokens in and "
            f"{demand['outputTokens']} out ({demand['source']}), {demand['waitingRequests']} waiting"
        )
    if capacity := status.get("capacity"):
        numbers.append(
            f"capacity  {capacity['requestsPerSecond']} requests/s, {capacity['tokensPerSecond']} tokens/s, "
            f"unserved {capacity['unservedRequestsPerSecond']} requests/s"
        )
    if cost := status.get("cost"):
        numbers.append(
            f"cost      ${cost['dollarsPerHour']} per hour, ${cost['dollarsPerMillionTokens']} per million tokens; "
            f"the fleet's plan is proven within {float(cost['fleetGap']):.2%} of the optimum"
        )
    parts.append("\n".join(numbers))
    if rejections := status.get("rejections"):
        told = [refusal(r["rule"], r["count"], r["message"], r["remedy"]) for r in rejections]
        parts.append("Refused:\n" + "\n".join(told))
    return "\n\n".join(part for part in parts if part)
