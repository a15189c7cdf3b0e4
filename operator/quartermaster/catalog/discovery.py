"""The recognition of a node's accelerator from its labels and resources.

Every label that the catalog knows is a witness and names one or several accelerators. All witnesses must agree on one.
What a device reports (feature discovery) outranks what the platform says, and that outranks the instance type: an
unknown word of a higher rank is not overruled by a lower one. When in doubt the node is refused with the reason, and
an AcceleratorPool that names the accelerator overrides the refusal. Pure; no facts live here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from quartermaster.catalog.accelerator import Accelerator, NodeSelectorFact
from quartermaster.catalog.catalog import Catalog
from quartermaster.catalog.load import load_catalog
from quartermaster.catalog.locality import (
    INSTANCE_TYPE,
    capacity_type_of,
    instance_type_of,
    provider_of,
    region_of,
    zone_of,
)
from quartermaster.catalog.lookalike import RefusalReason
from quartermaster.catalog.sharing import sharing_of
from quartermaster.catalog.slices import Slice, slice_of, topology_chips

__all__ = [
    "Identified",
    "Refused",
    "Slice",
    "Witness",
    "capacity_type_of",
    "identify",
    "instance_type_of",
    "provider_of",
    "region_of",
    "slice_of",
    "topology_chips",
    "zone_of",
]

NAME_IT = "create an AcceleratorPool that selects the node and states spec.accelerator"
RESOURCE_ALIASES = {"aws.amazon.com/neuron": ("aws.amazon.com/neurondevice",)}
"""Older names of a resource for the same unit (AWS Neuron device plugin)."""

RANK_OF_DEVICE, RANK_OF_PLATFORM, RANK_OF_INSTANCE = range(3)


@dataclass(frozen=True, slots=True)
class Witness:
    """One label, or resource, and the accelerators that it names."""

    label: str
    value: str
    accelerators: tuple[str, ...]
    is_verified: bool

    def __str__(self) -> str:
        """``label=value says nvidia-l4``."""
        return f"{self.label}={self.value} says {' or '.join(self.accelerators)}"


@dataclass(frozen=True, slots=True)
class Identified:
    """A node whose accelerator is known."""

    accelerator: Accelerator
    resource_name: str
    chips: int
    """Whole chips that the node offers; 0 while its device plugin has not reported yet."""
    witnesses: tuple[Witness, ...]

    @property
    def is_verified(self) -> bool:
        """True when at least one witness rests on a source without doubts."""
        return any(witness.is_verified for witness in self.witnesses)


@dataclass(frozen=True, slots=True)
class Refused:
    """A node with accelerators that is not planned on, and why."""

    reason: RefusalReason
    message: str
    remedy: str
    candidates: tuple[str, ...] = ()


def identify(
    labels: Mapping[str, str], capacity: Mapping[str, int], *, catalog: Catalog | None = None
) -> Identified | Refused | None:
    """Return the accelerator of a node, a refusal, or None for a node that shows no accelerator at all.

    Args:
        labels: the node's labels.
        capacity: its extended resources (``status.capacity`` or ``allocatable``), as integers.
        catalog: the facts to go by; those that ship with this version when absent.
    """
    facts = load_catalog() if catalog is None else catalog
    refused = _look_alike(labels, facts) or _divided(labels, capacity)
    if refused:
        return refused
    witnesses, unknown = _hear(labels, facts)
    if not witnesses:
        return _by_resource(capacity, facts) or (_unknown(unknown) if unknown else _unlabelled(capacity, facts))
    best = min(_rank(witness.label) for witness in witnesses)
    if any(_rank(label) < best for label, _ in unknown):
        return _unknown([(label, value) for label, value in unknown if _rank(label) < best])
    return _agree(witnesses, capacity, facts)


def _look_alike(labels: Mapping[str, str], facts: Catalog) -> Refused | None:
    for lookalike in facts.lookalikes:
        value = labels.get(lookalike.label)
        if value is not None and _matches(value, lookalike.values):
            remedy = "leave it to workloads that need no whole chip, or use nodes with whole chips"
            if lookalike.reason is RefusalReason.UNKNOWN:
                remedy = NAME_IT + " if its facts are close enough"
            if lookalike.reason is RefusalReason.NO_RESOURCE:
                remedy = "install a device plugin that offers an extended resource"
            return Refused(lookalike.reason, f"{lookalike.label}={value}: {lookalike.message}", remedy)
    return None


def _divided(labels: Mapping[str, str], capacity: Mapping[str, int]) -> Refused | None:
    sharing = sharing_of(labels, capacity)
    if sharing is None:
        return None
    what = "parts of chips" if sharing.reason is RefusalReason.PARTITIONED else "chips that several pods share"
    return Refused(
        sharing.reason,
        f"the node offers {what} ({sharing.witness}), which must not be counted as whole chips",
        "turn partitioning and sharing off on the nodes that serve models",
    )


def _hear(labels: Mapping[str, str], facts: Catalog) -> tuple[list[Witness], list[tuple[str, str]]]:
    """Return what the labels say, and the naming labels whose values the catalog does not know."""
    names_by_label: dict[str, dict[str, bool]] = {}
    naming_labels: set[str] = set()
    for accelerator in facts.accelerators_by_name.values():
        for selector in accelerator.selectors:
            if selector.label not in labels:
                continue
            if selector.label != INSTANCE_TYPE:
                naming_labels.add(selector.label)
            if _holds(selector, labels):
                names = names_by_label.setdefault(selector.label, {})
                names[accelerator.name] = names.get(accelerator.name, False) or selector.provenance.is_verified
    witnesses = [
        Witness(label, labels[label], tuple(sorted(names)), any(names.values()))
        for label, names in sorted(names_by_label.items())
    ]
    unknown = [(label, labels[label]) for label in sorted(naming_labels - names_by_label.keys())]
    return witnesses, unknown


def _holds(selector: NodeSelectorFact, labels: Mapping[str, str]) -> bool:
    return _matches(labels[selector.label], selector.values) and all(
        labels.get(label) in values for label, values in selector.and_labels
    )


def _matches(value: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(value, glob) for glob in globs)


def _rank(label: str) -> int:
    if label == INSTANCE_TYPE:
        return RANK_OF_INSTANCE
    is_platform = label.startswith(("cloud.google.com/", "karpenter."))
    return RANK_OF_PLATFORM if is_platform else RANK_OF_DEVICE


def _agree(witnesses: list[Witness], capacity: Mapping[str, int], facts: Catalog) -> Identified | Refused:
    """Intersect what the witnesses say, and hold it against the resources that the node offers."""
    said = "; ".join(str(witness) for witness in witnesses)
    common = set.intersection(*(set(witness.accelerators) for witness in witnesses))
    named = tuple(sorted({name for witness in witnesses for name in witness.accelerators}))
    if not common:
        return Refused(
            RefusalReason.CONTRADICTORY, f"its labels disagree: {said}", f"correct the labels, or {NAME_IT}", named
        )
    if len(common) > 1:
        return Refused(
            RefusalReason.AMBIGUOUS, f"its labels fit several accelerators: {said}", NAME_IT, tuple(sorted(common))
        )
    accelerator = facts.accelerators_by_name[common.pop()]
    resource, chips = _count(accelerator, capacity)
    offered = [name for name in _resources(facts) if capacity.get(name, 0) > 0]
    if chips == 0 and offered:
        return Refused(
            RefusalReason.CONTRADICTORY,
            f"{said}, but the node offers {', '.join(offered)} and no {resource}",
            f"run the device plugin of the chip, or {NAME_IT} and spec.resourceName",
            (accelerator.name,),
        )
    return Identified(accelerator, resource, chips, tuple(witnesses))


def _count(accelerator: Accelerator, capacity: Mapping[str, int]) -> tuple[str, int]:
    """Return the resource under which the node offers the chip, and how many."""
    resource = accelerator.resource_name or ""
    for name in (resource, *RESOURCE_ALIASES.get(resource, ())):
        if capacity.get(name, 0) > 0:
            return name, capacity[name]
    return resource, 0


def _resources(facts: Catalog) -> list[str]:
    return sorted({a.resource_name for a in facts.accelerators_by_name.values() if a.resource_name})


def _by_resource(capacity: Mapping[str, int], facts: Catalog) -> Identified | None:
    """Identify a chip whose resource name is its own."""
    for accelerator in facts.accelerators_by_name.values():
        resource = accelerator.resource_name
        if accelerator.is_identified_by_resource and resource and capacity.get(resource, 0) > 0:
            provenance = accelerator.provenance_by_field["resource_name"]
            witness = Witness(resource, str(capacity[resource]), (accelerator.name,), provenance.is_verified)
            return Identified(accelerator, resource, capacity[resource], (witness,))
    return None


def _unknown(unknown: list[tuple[str, str]]) -> Refused:
    said = ", ".join(f"{label}={value}" for label, value in unknown)
    return Refused(
        RefusalReason.UNKNOWN, f"the catalog does not know {said}", f"{NAME_IT} if its facts are close enough"
    )


def _unlabelled(capacity: Mapping[str, int], facts: Catalog) -> Refused | None:
    for resource in _resources(facts):
        if capacity.get(resource, 0) > 0:
            candidates = tuple(a.name for a in facts.accelerators_by_name.values() if a.resource_name == resource)
            return Refused(
                RefusalReason.UNLABELLED,
                f"the node offers {resource}={capacity[resource]}, but no label says which chip that is",
                f"run the vendor's feature discovery, or {NAME_IT}",
                candidates,
            )
    return None
