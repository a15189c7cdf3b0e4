"""Status of AcceleratorPools: what was seen of their nodes, and why one cannot be planned on."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from quartermaster.api.v1alpha1 import AcceleratorPool
from quartermaster.api.v1alpha1.acceleratorpool import AcceleratorPoolStatus
from quartermaster.api.v1alpha1.status import Condition
from quartermaster.planner.fleet import Pool
from quartermaster.reconcile.declared import Declared
from quartermaster.reconcile.judgement import Verdict, conditions
from quartermaster.reconcile.outcome import StatusWrite
from quartermaster.reconcile.pools import Refusal


def pool_statuses(
    declared: Sequence[Declared[AcceleratorPool]],
    pools: Sequence[Pool],
    refusals: Sequence[Refusal],
    *,
    now: datetime,
) -> tuple[StatusWrite, ...]:
    """Return the statuses that differ from those seen."""
    pools_by_declared: dict[str, list[Pool]] = {}
    for pool in pools:
        pools_by_declared.setdefault(pool.declared_by or pool.name, []).append(pool)
    refusal_by_name = {r.name: r for r in refusals if r.kind == "AcceleratorPool"}
    made = []
    for entry in sorted(declared, key=lambda d: d.reference.name):
        if entry.is_deleting:
            continue
        name = entry.reference.name
        verdict = _verdict(entry, pools_by_declared.get(name, []), refusal_by_name.get(name))
        status = AcceleratorPoolStatus(
            observed_generation=entry.generation,
            conditions=conditions((verdict,), seen_conditions(entry.status), generation=entry.generation, now=now),
            nodes=sum(h.nodes for p in pools_by_declared.get(name, []) for h in p.hosts if h.exists),
            chips=sum(h.chips for p in pools_by_declared.get(name, []) for h in p.hosts if h.exists),
            free_chips=sum(h.free_chips for p in pools_by_declared.get(name, []) for h in p.hosts if h.exists),
        ).model_dump(mode="json", by_alias=True, exclude_none=True)
        if status != entry.status:
            made.append(StatusWrite(entry.reference, status))
    return tuple(made)


def _verdict(entry: Declared[AcceleratorPool], pools: Sequence[Pool], refusal: Refusal | None) -> Verdict:
    if entry.document is None:
        return Verdict("Ready", "False", "InvalidSpec", entry.refusal)
    if refusal is not None:
        return Verdict("Ready", "False", refusal.reason, refusal.message)
    if not pools:
        return Verdict("Ready", "False", "NoNodes", "No usable node carries the labels of spec.nodeSelector")
    if pools[0].external is not None:
        return Verdict("Ready", "True", "External", f"A hosted service at {pools[0].external.endpoint}")
    accelerators = ", ".join(sorted({pool.accelerator_name for pool in pools}))
    return Verdict("Ready", "True", "Planned", f"{accelerators} can be planned on")


def seen_conditions(status: Mapping[str, object]) -> tuple[Condition, ...]:
    """Return the conditions of a raw status; what cannot be read is passed over, because it is rewritten anyway."""
    rows = status.get("conditions")
    found = []
    for row in rows if isinstance(rows, list) else ():
        try:
            found.append(Condition.model_validate(row))
        except ValueError:
            continue
    return tuple(found)
