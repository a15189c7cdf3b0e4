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

from quartermaster.catalog.catalog import Catalog
from quartermaster.planner.fleet import Fleet
from quartermaster.planner.plan import Plan
from quartermaster.planner.planning import plan as make_plan
from quartermaster.reconcile import capacity, reporting
from quartermaster.reconcile.children import Wanted, child_writes, ground_by_pool
from quartermaster.reconcile.chips import draining_chips_by_node
from quartermaster.reconcile.digest import structure_digest
from quartermaster.reconcile.observation import Observed
from quartermaster.reconcile.outcome import Memory, Outcome
from quartermaster.reconcile.pools import Refusal, pools
from quartermaster.reconcile.poolstatus import pool_statuses
from quartermaster.reconcile.servable import servable_rule
from quartermaster.reconcile.stock import PlacementId
from quartermaster.reconcile.waiting import lapsed, waits
from quartermaster.reconcile.workloads import key_of, running_by_key, workloads
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
    running = running_by_key(owned, observed.pods)
    load_by_key = capacity.loads(observed, documents)
    demand_by_key = capacity.demands(documents, load_by_key, observed, memory)
    planned, unplannable = workloads(documents, catalog, demand_by_key=demand_by_key, running=running)

    structure = structure_digest(fleet, planned)
    is_due = observed.now_seconds - memory.planned_at_seconds >= plan_seconds
    must_plan = structure != memory.structure_digest or is_due or capacity.has_drifted(planned, memory)
    before = memory.plan or Plan()
    sized = capacity.size(before, planned, load_by_key, fleet=fleet, memory=memory)
    must_plan = must_plan or memory.plan is None or sized.needs_plan
    must_plan = must_plan or not memory.blocked <= memory.planned_blocked
    if must_plan:
        rules = (servable_rule(documents, catalog),)
        plan = make_plan(fleet, capacity.to_plan_for(planned, sized), further_rules=rules)
    else:
        plan = before.with_placements(sized.placements)

    document_by_key = {key_of(document): document for document in documents}
    placements_by_key = plan.placements_by_key()
    wanted = [
        Wanted(document_by_key[w.key], w, placements_by_key.get(w.key, ()), tuple(children_by_key.get(w.key, ())))
        for w in planned
    ]
    made = child_writes(
        wanted,
        plan,
        pools_by_name={pool.name: pool for pool in fleet.pools},
        grounds=ground_by_pool(fleet, draining_chips_by_node(observed.pods)),
        lapsed=lapsed(memory.wait_by_id, now_seconds=observed.now_seconds),
        catalog=catalog,
    )
    written = made.written_by_key
    report = reporting.report(
        observed,
        memory,
        reporting.Decided(fleet, plan, planned, unplannable, written, children_by_key, sized, must_plan),
    )
    return Outcome(
        fleet=fleet,
        plan=plan,
        has_replanned=must_plan,
        memory=Memory(
            plan=plan,
            structure_digest=structure,
            planned_at_seconds=observed.now_seconds if must_plan else memory.planned_at_seconds,
            planned_demand_by_key=demand_by_key if must_plan else memory.planned_demand_by_key,
            demand_by_key=demand_by_key,
            scale_state_by_key=sized.state_by_key,
            decision_by_key=report.decision_by_key,
            wait_by_id=waits(memory.wait_by_id, made.unbound_by_id, now_seconds=observed.now_seconds),
            blocked=made.blocked,
            planned_blocked=_planned_blocked(memory, made.blocked, has_planned=must_plan),
        ),
        apply=tuple(entry for key in sorted(written) for entry in written[key].apply),
        delete=tuple(entry for key in sorted(written) for entry in written[key].delete),
        statuses=report.statuses + pool_statuses(observed.pools, fleet.pools, refusals, now=observed.now),
        events=report.events,
        ready_replicas_by_key={key: sum(row.ready for row in rows) for key, rows in running.items()},
    )


def _planned_blocked(memory: Memory, blocked: frozenset[PlacementId], *, has_planned: bool) -> frozenset[PlacementId]:
    """Return the blocked placements that plans were made in sight of, so that each asks for one plan only."""
    if not blocked:
        return frozenset()
    return memory.planned_blocked | memory.blocked if has_planned else memory.planned_blocked
