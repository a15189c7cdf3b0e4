"""The verb ``plan``: what Quartermaster would decide, from files or from a cluster. Nothing is written."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from quartermaster.catalog.load import load_catalog
from quartermaster.cli import live, world
from quartermaster.cli.document import plan_document
from quartermaster.cli.files import BadInputError, read
from quartermaster.cli.output import show
from quartermaster.cli.table import paragraph, refusal, table
from quartermaster.planner.fleet import Fleet, Source, Workload
from quartermaster.planner.plan import Plan
from quartermaster.planner.planning import plan as make_plan
from quartermaster.reconcile.decide import observe_fleet
from quartermaster.reconcile.observation import Observed
from quartermaster.reconcile.pools import Refusal
from quartermaster.reconcile.servable import servable_rule
from quartermaster.reconcile.status import decimal, summary
from quartermaster.reconcile.workloads import Unplannable, running_by_key, workloads
from quartermaster.reconcile.writes import owned_by_key

HELP = "show where replicas would run, at what cost, how far from the proven bound, and why others were refused"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "--fleet",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="PATH",
        help="files or folders with Nodes, Pods, AcceleratorPools, ModelProfiles; without it the cluster is read",
    )
    parser.add_argument(
        "-f",
        "--file",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="PATH",
        help="files or folders with InferenceDeployments to plan, besides those of the fleet",
    )
    parser.add_argument("--show-candidates", action="store_true", help="list every candidate that no rule refuses")
    parser.add_argument("--show-rejections", action="store_true", help="list every candidate refused, not only counts")


async def run(given: argparse.Namespace) -> int:
    """Print the plan; returns 1 when it falls short of what is wanted.

    Raises:
        BadInputError: when an object cannot be used.
    """
    located = read([*given.fleet, *given.file])
    world.check(located)
    objects: list[dict[str, Any]] = [entry.object for entry in located]
    if not given.fleet:
        async with live.client(given.kubeconfig, given.context) as client:
            objects = [*await live.fleet_objects(client), *objects]
    seen = world.observed(objects)
    catalog = load_catalog()
    fleet, refusals = observe_fleet(seen, catalog)
    planned, unplannable = _workloads(seen)
    if not planned and not unplannable:
        raise BadInputError("wanted at least one InferenceDeployment, found none: name its file with -f")
    started_seconds = time.perf_counter()
    documents = [entry.document for entry in seen.deployments if entry.document is not None]
    made = make_plan(fleet, planned, further_rules=(servable_rule(documents, catalog),))
    solve_seconds = time.perf_counter() - started_seconds
    document = plan_document(made, solve_seconds=solve_seconds, with_candidates=given.show_candidates)
    refused: list[Refusal | Unplannable] = [*refusals, *unplannable]
    document["refusedInputs"] = [_refused(one) for one in refused]
    show(
        document,
        given.output,
        lambda: _page(made, fleet, solve_seconds=solve_seconds, given=given, refused=refused),
    )
    return 1 if made.shortfalls or unplannable else 0


def _workloads(seen: Observed) -> tuple[tuple[Workload, ...], tuple[Unplannable, ...]]:
    owned = tuple(child for children in owned_by_key(seen.children).values() for child in children)
    documents = [entry.document for entry in seen.deployments if entry.document is not None]
    # No window is at hand here: a plan from files or at rest goes by the load that the objects state.
    return workloads(documents, load_catalog(), demand_by_key={}, running=running_by_key(owned))


def _refused(refusal: Refusal | Unplannable) -> dict[str, str]:
    if isinstance(refusal, Unplannable):
        return {
            "kind": "InferenceDeployment",
            "name": str(refusal.key),
            "reason": refusal.reason,
            "message": refusal.message,
        }
    return {"kind": refusal.kind, "name": refusal.name, "reason": refusal.reason, "message": refusal.message}


def _page(
    plan: Plan,
    fleet: Fleet,
    *,
    solve_seconds: float,
    given: argparse.Namespace,
    refused: Sequence[Refusal | Unplannable],
) -> str:
    parts = [_placements(plan, fleet)]
    parts += [f"{s.workload} falls short: {s.message}\n  what would help: {s.remedy}" for s in plan.shortfalls]
    parts.append(_rejections(plan, is_full=given.show_rejections))
    if given.show_candidates:
        parts.append(_candidates(plan))
    for one in refused:
        row = _refused(one)
        parts.append(f"not planned on: {row['kind']} {row['name']} ({row['reason']}): {row['message']}")
    parts.append(
        f"${plan.dollars_per_hour:,.2f} per hour. Proven: no admissible plan is better by more than "
        f"{plan.gap_fraction:.2%} (objective {plan.objective:,.2f}, bound {plan.bound:,.2f}). "
        f"Planned in {solve_seconds:.2f} s."
    )
    return "\n\n".join(part for part in parts if part)


def _placements(plan: Plan, fleet: Fleet) -> str:
    if not plan.placements:
        return "Nothing is placed."
    pool_by_name = {pool.name: pool for pool in fleet.pools}
    header = (
        "DEPLOYMENT",
        "REPLICAS",
        "ACCELERATOR",
        "REGION",
        "POOL",
        "SHAPE",
        "TOKENS/S",
        "$/H",
        "RATE FROM",
    )
    rows = []
    estimated: set[str] = set()
    for placement in plan.placements:
        candidate = placement.candidate
        if not candidate.is_external and pool_by_name[candidate.pool].price_source is Source.ESTIMATED:
            estimated.add(candidate.pool)
        rows.append(
            (
                str(candidate.workload),
                f"{placement.replicas}/10" if candidate.is_external else str(placement.replicas),
                candidate.accelerator,
                candidate.region or "-",
                candidate.pool,
                candidate.shape.key if not candidate.is_external else "external",
                decimal(placement.tokens_per_second, 3),
                f"{placement.dollars_per_hour:.2f}",
                candidate.throughput.source.value,
            )
        )
    placed = table(header, rows)
    if not estimated:
        return placed
    note = f"Estimated prices, from the nearest that is known: {', '.join(sorted(estimated))}."
    return f"{placed}\n\n{paragraph(note, indent=2)}"


def _rejections(plan: Plan, *, is_full: bool) -> str:
    if not plan.rejections:
        return ""
    if is_full:
        return "Refused:\n" + "\n".join(
            refusal(f"{r.workload}: {r.rule}, pool {r.pool} {r.shape_key}".rstrip(), 1, r.message, r.remedy)
            for r in plan.rejections
        )
    return "Refused:\n" + "\n".join(
        refusal(f"{key}: {row.rule}", row.count, row.message, row.remedy)
        for key in sorted({r.workload for r in plan.rejections})
        for row in summary([r for r in plan.rejections if r.workload == key])
    )


def _candidates(plan: Plan) -> str:
    header = ("DEPLOYMENT", "POOL", "SHAPE", "CHIPS", "REQUESTS/S", "TOKENS/S", "$/H PER REPLICA", "RATE FROM")
    rows = [
        (
            str(c.workload),
            c.pool,
            c.shape.key,
            "-" if c.is_external else str(c.shape.chips),
            decimal(c.throughput.requests_per_second, 3),
            decimal(c.throughput.tokens_per_second, 3),
            f"{c.dollars_per_hour:.2f}",
            c.throughput.source.value,
        )
        for c in plan.candidates
    ]
    return table(header, rows)
