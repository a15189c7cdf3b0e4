"""The decision: one look at the world → everything that must be written. Pure and deterministic.

    fleet      what replicas can run on                                  (pools)
    load       what each deployment must serve, from its window          (autoscaler)
    plan       where: made anew when anything but the load has changed,
               when a pool that the plan chose is full, and at a slow period,
               on from where its search was cut off
    scale      how many: moves counts inside the plan's pools            (autoscaler)
    children   the objects that make it so, gently                       (transition, manifests)
    status     what was seen, and why it is as it is                     (judgement)
    profiles   how fast replicas are, as they show under load            (profiling, measuring)

Equal observations and memories give equal outcomes. Losing the memory costs one plan, never a replica.
"""

from collections.abc import Callable

from quartermaster.catalog.catalog import Catalog
from quartermaster.planner.plan import PlacementId
from quartermaster.planner.solver.solve import never
from quartermaster.reconcile import reporting
from quartermaster.reconcile.children import Sight, Wanted, child_writes, ground_by_pool
from quartermaster.reconcile.chips import draining_chips_by_node
from quartermaster.reconcile.observation import Observed
from quartermaster.reconcile.outcome import Apply, Memory, Outcome
from quartermaster.reconcile.planned import planned
from quartermaster.reconcile.poolstatus import pool_statuses
from quartermaster.reconcile.profiling import profiling
from quartermaster.reconcile.record import Profiling
from quartermaster.reconcile.rollout import refused
from quartermaster.reconcile.waiting import lapsed, waits
from quartermaster.reconcile.workloads import key_of


def decide(
    observed: Observed,
    memory: Memory,
    *,
    catalog: Catalog,
    plan_seconds: float,
    is_late: Callable[[], bool] = never,
    proposes_profiles: bool = True,
) -> Outcome:
    """Return what must be written so that the world becomes what the InferenceDeployments ask for.

    Args:
        observed: one look at the world.
        memory: what the last decision handed on; ``Memory()`` at the start.
        catalog: facts that ship with Quartermaster.
        plan_seconds: slow period after which a plan is made anew.
        is_late: whether a plan is to be taken as it is by now; asked again and again while one is sought.
        proposes_profiles: whether ModelProfiles are proposed from what replicas show.
    """
    made = planned(observed, memory, catalog=catalog, plan_seconds=plan_seconds, is_late=is_late)
    fleet, plan, must_plan = made.fleet, made.plan, made.has_planned
    document_by_key = {key_of(document): document for document in made.documents}
    placements_by_key = plan.placements_by_key()
    wanted = [
        Wanted(document_by_key[w.key], w, placements_by_key.get(w.key, ()), tuple(made.children_by_key.get(w.key, ())))
        for w in made.workloads
    ]
    children = child_writes(
        wanted,
        plan,
        sight=Sight(
            {pool.name: pool for pool in fleet.pools},
            ground_by_pool(fleet, draining_chips_by_node(observed.pods)),
            lapsed(memory.wait_by_id, now_seconds=observed.now_seconds),
            refused(observed.pods),
        ),
        memory=memory,
        catalog=catalog,
    )
    written = children.written_by_key
    report = reporting.report(
        observed,
        memory,
        reporting.Decided(
            fleet, plan, made.workloads, made.unplannable, written, made.children_by_key, made.sized, must_plan
        ),
    )
    profiled: tuple[Profiling, tuple[Apply, ...]] = (Profiling(), ())
    if proposes_profiles:
        profiled = profiling(observed, memory.profiling, plan, fleet=fleet, workloads=made.workloads)
    return Outcome(
        fleet=fleet,
        plan=plan,
        has_replanned=must_plan,
        plan_reason=made.reason,
        memory=Memory(
            plan=plan,
            structure=made.structure,
            planned_at_seconds=observed.now_seconds if must_plan else memory.planned_at_seconds,
            search=made.search,
            planned_demand_by_key=made.demand_by_key if must_plan else memory.planned_demand_by_key,
            demand_by_key=made.demand_by_key,
            scale_state_by_key=made.sized.state_by_key,
            decision_by_key=report.decision_by_key,
            told_by_key=report.told_by_key,
            wait_by_id=waits(memory.wait_by_id, children.unbound_by_id, now_seconds=observed.now_seconds),
            blocked=children.blocked,
            planned_blocked=_planned_blocked(memory, children.blocked, has_planned=must_plan),
            rendered_by_key=children.rendered_by_key,
            face_by_pool=children.face_by_pool,
            profiling=profiled[0],
        ),
        apply=(*(entry for key in sorted(written) for entry in written[key].apply), *profiled[1]),
        delete=tuple(entry for key in sorted(written) for entry in written[key].delete),
        statuses=report.statuses + pool_statuses(observed.pools, fleet.pools, made.unusable, now=observed.now),
        events=report.events,
        ready_replicas_by_key={key: sum(row.ready for row in rows) for key, rows in made.running_by_key.items()},
    )


def _planned_blocked(memory: Memory, blocked: frozenset[PlacementId], *, has_planned: bool) -> frozenset[PlacementId]:
    """Return the blocked placements that plans were made in sight of, so that each asks for one plan only."""
    if not blocked:
        return frozenset()
    return memory.planned_blocked | memory.blocked if has_planned else memory.planned_blocked
