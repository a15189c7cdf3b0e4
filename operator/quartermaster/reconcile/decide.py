"""The decision: one look at the world → everything that must be written. Pure and deterministic.

    fleet      what replicas can run on                                  (pools)
    load       what each deployment must serve, from its window          (autoscaler)
    plan       where: made anew when anything but the load has changed,
               when a pool that the plan chose is full, and at a slow period
    scale      how many: moves counts inside the plan's pools            (autoscaler)
    children   the objects that make it so, gently                       (transition, manifests)
    status     what was seen, and why it is as it is                     (judgement)

Equal observations and memories give equal outcomes. Losing the memory costs one plan, never a replica.
"""

from collections.abc import Mapping
from dataclasses import replace

from quartermaster.catalog.catalog import Catalog
from quartermaster.planner.fleet import Fleet, Key
from quartermaster.planner.planning import plan as make_plan
from quartermaster.reconcile import capacity, reporting
from quartermaster.reconcile.children import Wanted, child_writes
from quartermaster.reconcile.digest import structure_digest
from quartermaster.reconcile.observation import Observed
from quartermaster.reconcile.observed import ChildSeen
from quartermaster.reconcile.outcome import Memory, Outcome
from quartermaster.reconcile.pools import Refusal, pools
from quartermaster.reconcile.poolstatus import pool_statuses
from quartermaster.reconcile.workloads import running_by_key, workloads
from quartermaster.reconcile.writes import owned_by_key


def observe_fleet(observed: Observed, catalog: Catalog) -> tuple[Fleet, tuple[Refusal, ...]]:
    """Return what replicas can run on, and the nodes and AcceleratorPools that cannot be planned on."""
    declared = [entry.document for entry in observed.pools if entry.document is not None and not entry.is_deleting]
    found, refusals = pools(observed.nodes, observed.pods, declared, catalog)
    profiles = [entry.document for entry in observed.profiles if entry.document is not None]
    ordered = sorted(profiles, key=lambda profile: profile.metadata.name)
    return Fleet(found, observed.now.date(), tuple(profile.spec for profile in ordered)), refusals


def decide(observed: Observed, memory: Memory, *, catalog: Catalog, plan_seconds: float) -> Outcome:
    """Return what must be written so that the world becomes what the InferenceDeployments ask for.

    Args:
        observed: one look at the world.
        memory: what the last decision handed on; ``Memory()`` at the start.
        catalog: facts that ship with Quartermaster.
        plan_seconds: slow period after which a plan is made anew.
    """
    fleet, refusals = observe_fleet(observed, catalog)
    children_by_key = owned_by_key(observed.children)
    owned = tuple(child for children in children_by_key.values() for child in children)
    documents = [entry.document for entry in observed.deployments if entry.document is not None]
    running = running_by_key(owned)
    load = capacity.load(documents, observed, memory, running=running)
    planned, unplannable = workloads(documents, catalog, demand_by_key=load, running=running)

    structure = structure_digest(fleet, planned)
    is_due = observed.now_seconds - memory.planned_at_seconds >= plan_seconds
    must_plan = memory.plan is None or structure != memory.structure_digest or is_due
    plan = make_plan(fleet, planned) if must_plan or memory.plan is None else memory.plan
    sized = capacity.size(plan, planned, observed, fleet=fleet, memory=memory, is_new=must_plan)
    if sized.needs_plan and not must_plan:
        must_plan = True
        planned = capacity.with_demand(planned, sized)
        plan = make_plan(fleet, planned)
        sized = capacity.size(plan, planned, observed, fleet=fleet, memory=memory, is_new=True)
    plan = replace(plan, placements=sized.placements)

    wanted = _wanted(observed, planned, plan.placements_by_key(), children_by_key)
    written = child_writes(wanted, fleet, plan.candidates, catalog=catalog)
    report = reporting.report(
        observed,
        memory,
        reporting.Decided(fleet, plan, planned, unplannable, written, children_by_key, sized, structure),
    )
    return Outcome(
        fleet=fleet,
        plan=plan,
        has_replanned=must_plan,
        memory=Memory(
            plan=plan,
            structure_digest=structure,
            planned_at_seconds=observed.now_seconds if must_plan else memory.planned_at_seconds,
            scale_state_by_key=sized.state_by_key,
            decision_by_key=report.decision_by_key,
        ),
        apply=tuple(entry for key in sorted(written) for entry in written[key].apply),
        delete=tuple(entry for key in sorted(written) for entry in written[key].delete),
        statuses=report.statuses + pool_statuses(observed.pools, fleet.pools, refusals, now=observed.now),
        events=report.events,
    )
