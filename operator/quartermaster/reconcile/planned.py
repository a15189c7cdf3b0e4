"""The first half of the decision: one look at the world → what must be served, and the plan in force. Pure.

A plan is made anew when anything but the load has changed, when a pool that the plan chose is full, and at a slow
period unless replicas are finding their nodes; otherwise counts move inside the plan's pools. A search that was cut off
far from its goal is taken up again at the slow period, a few times. Whoever wants to see a plan asks here; what is
written to make it so is ``decide``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from quartermaster.api.v1alpha1 import InferenceDeployment
from quartermaster.catalog.catalog import Catalog
from quartermaster.planner.fleet import Demand, Fleet, Key, Running, Workload
from quartermaster.planner.plan import Plan
from quartermaster.planner.planning import GOAL_FRACTION
from quartermaster.planner.planning import plan as make_plan
from quartermaster.planner.solver.solve import never
from quartermaster.reconcile import capacity
from quartermaster.reconcile.observation import Observed
from quartermaster.reconcile.observed import ChildSeen
from quartermaster.reconcile.outcome import Memory, Search
from quartermaster.reconcile.pools import Refusal, pools
from quartermaster.reconcile.servable import servable_rule
from quartermaster.reconcile.structure import Structure, structure
from quartermaster.reconcile.waiting import lapsed
from quartermaster.reconcile.workloads import Unplannable, running_by_key, workloads
from quartermaster.reconcile.writes import owned_by_key

MOST_RESUMPTIONS = 3
"""Times that a search is taken up again while nothing has changed: a world at rest must not be planned for ever."""
_RESUMED, _PERIOD = "SearchCutOff", "PeriodOver"


@dataclass(frozen=True, slots=True)
class Planned:
    """The plan in force, and what it was made from."""

    fleet: Fleet
    unusable: tuple[Refusal, ...]
    """Nodes and AcceleratorPools that cannot be planned on."""
    documents: tuple[InferenceDeployment, ...]
    children_by_key: Mapping[Key, Sequence[ChildSeen]] = field(hash=False)
    running_by_key: Mapping[Key, tuple[Running, ...]] = field(hash=False)
    demand_by_key: Mapping[Key, Demand] = field(hash=False)
    workloads: tuple[Workload, ...]
    unplannable: tuple[Unplannable, ...]
    structure: Structure
    sized: capacity.Sized
    plan: Plan
    reason: str
    """Why the plan was made anew; empty where it was not."""
    search: Search

    @property
    def has_planned(self) -> bool:
        """Whether the plan was made anew."""
        return bool(self.reason)


def observe_fleet(observed: Observed, catalog: Catalog) -> tuple[Fleet, tuple[Refusal, ...]]:
    """Return what replicas can run on, and the nodes and AcceleratorPools that cannot be planned on."""
    declared = [entry.document for entry in observed.pools if entry.document is not None and not entry.is_deleting]
    found, refusals = pools(observed.nodes, observed.pods, declared, catalog)
    profiles = [entry.document for entry in observed.profiles if entry.document is not None]
    ordered = sorted(profiles, key=lambda profile: profile.metadata.name)
    return Fleet(found, observed.now.date(), tuple(profile.spec for profile in ordered)), refusals


def _is_starting(observed: Observed, memory: Memory) -> bool:
    """Whether replicas of the plan find their nodes: time alone is no reason to plan them elsewhere meanwhile."""
    return len(lapsed(memory.wait_by_id, now_seconds=observed.now_seconds)) < len(memory.wait_by_id)


def planned(
    observed: Observed, memory: Memory, *, catalog: Catalog, plan_seconds: float, is_late: Callable[[], bool] = never
) -> Planned:
    """Return the plan in force.

    Args:
        observed: one look at the world.
        memory: what the last decision handed on; ``Memory()`` at the start.
        catalog: facts that ship with Quartermaster.
        plan_seconds: slow period after which a plan is made anew.
        is_late: whether a plan is to be taken as it is by now; asked again and again while one is sought.
    """
    fleet, refusals = observe_fleet(observed, catalog)
    children_by_key = owned_by_key(observed.children)
    owned = tuple(child for children in children_by_key.values() for child in children)
    documents = tuple(entry.document for entry in observed.deployments if entry.document is not None)
    running = running_by_key(owned, observed.pods)
    load_by_key = capacity.loads(observed, documents)
    demand_by_key = capacity.demands(documents, load_by_key, observed, memory)
    good, unplannable = workloads(documents, catalog, demand_by_key=demand_by_key, running=running)

    made_from = structure(fleet, good)
    is_due = observed.now_seconds - memory.planned_at_seconds >= plan_seconds and not _is_starting(observed, memory)
    before = memory.plan or Plan()
    sized = capacity.size(before, good, load_by_key, fleet=fleet, memory=memory)
    reasons = {
        "FirstPlan": memory.plan is None,
        "FleetOrSpecChanged": made_from != memory.structure,
        "TokenMixChanged": capacity.has_drifted(good, memory),
        "PoolFull": sized.needs_plan,
        "RoomIsGone": not memory.blocked <= memory.planned_blocked,
        _RESUMED: is_due and _is_unfinished(before, memory.search),
        _PERIOD: is_due,
    }
    reason = next((name for name, is_so in reasons.items() if is_so), "")
    search = memory.search
    if reason:
        watched = _Watched(is_late)
        plan = make_plan(
            fleet,
            capacity.to_plan_for(good, sized),
            further_rules=(servable_rule(documents, catalog),),
            is_late=watched,
            before=memory.plan,
            resumes=reason == _RESUMED,
        )
        search = _search(search, reason, was_late=watched.was_late)
    else:
        plan = before.with_placements(sized.placements)
    return Planned(
        fleet=fleet,
        unusable=refusals,
        documents=documents,
        children_by_key=children_by_key,
        running_by_key=running,
        demand_by_key=demand_by_key,
        workloads=good,
        unplannable=unplannable,
        structure=made_from,
        sized=sized,
        plan=plan,
        reason=reason,
        search=search,
    )


class _Watched:
    """The question whether it is late, and whether that was ever answered with yes."""

    def __init__(self, is_late: Callable[[], bool]) -> None:
        self._is_late = is_late
        self.was_late = False

    def __call__(self) -> bool:
        self.was_late = self.was_late or self._is_late()
        return self.was_late


def _is_unfinished(plan: Plan, search: Search) -> bool:
    return search.is_cut and search.resumptions < MOST_RESUMPTIONS and plan.gap_fraction > GOAL_FRACTION


def _search(before: Search, reason: str, *, was_late: bool) -> Search:
    """Return how far a plan was sought that was made for the reason."""
    if reason == _RESUMED:
        return Search(was_late, before.resumptions + 1)
    if reason == _PERIOD:
        return replace(before, is_cut=before.is_cut or was_late)
    return Search(was_late)
