"""The accelerator: what one schedulable chip is, and how a node that carries it can be recognised. Types only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from quartermaster.catalog.facts import Provenance
from quartermaster.catalog.vocabulary import (
    AcceleratorClass,
    AcceleratorStatus,
    CapacityType,
    EngineName,
    Precision,
    Provider,
    Support,
)


@dataclass(frozen=True, slots=True)
class NodeSelectorFact:
    """One label by which a node shows its accelerator.

    It holds when ``label`` has a value that one of the ``values`` globs (case-sensitive) matches and every label of
    ``and_labels`` has one of the values listed with it. ``platform`` is ``any``, ``gke``, ``eks`` or ``aks``.
    """

    label: str
    values: tuple[str, ...]
    platform: str
    provenance: Provenance
    and_labels: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Price:
    """A public list price: one instance, in one region of one provider, on one day."""

    provider: Provider
    region: str
    instance: str
    chips: int
    dollars_per_instance_hour: float
    capacity_type: CapacityType
    as_of: date
    source: str

    @property
    def dollars_per_chip_hour(self) -> float:
        """The instance's price shared evenly among its chips."""
        return self.dollars_per_instance_hour / self.chips


@dataclass(frozen=True, slots=True)
class NodeTaint:
    """A taint that a platform puts on nodes with this chip, or that its vendor's guide tells the owner to put there."""

    key: str
    value: str | None
    effect: str


@dataclass(frozen=True, slots=True)
class Accelerator:
    """One kind of chip. Every figure is for one unit of ``resource_name``, dense, as the vendor states it.

    A card that offers several units (Cloud AI 100 Ultra: four) is described by one of them. What no source states is
    None, or missing from the mapping. ``provenance_by_field`` is keyed by the names of the fields below, and by the
    precision (``BF16``, ``FP8``, ...) for the arithmetic.
    """

    name: str
    vendor: str
    display_name: str
    accelerator_class: AcceleratorClass
    status: AcceleratorStatus
    architecture: str | None
    memory_bytes: int
    """Usable, as the driver reports it where that was seen (``is_memory_reported``), otherwise nominal."""
    is_memory_reported: bool
    memory_bandwidth_bytes_per_second: float | None
    flops_per_second_by_format: Mapping[Precision, float] = field(hash=False)
    power_watts: float | None
    scale_up_chips: int
    """Chips within one coherent fabric; 1 where none is known."""
    scale_up_bandwidth_bytes_per_second: float | None
    """Per chip, both directions together."""
    chips_per_node: int | None
    resource_name: str | None
    """The extended resource; None where none is published (external, internal, or reached by DRA only)."""
    is_identified_by_resource: bool
    """True when the resource's name alone says which chip it is."""
    dra_driver: str | None
    node_architecture: str
    """``kubernetes.io/arch`` of the nodes that carry it: amd64 or arm64."""
    is_edge: bool
    engines: tuple[EngineName, ...]
    """Engines that run on it, best supported first; empty for a chip that is reached as a service only."""
    confidential_computing: Support
    developer_jurisdiction: str
    """ISO 3166 country of the developer's seat."""
    selectors: tuple[NodeSelectorFact, ...] = ()
    topologies: tuple[str, ...] = ()
    """Slice shapes known for a TPU, such as ``2x4``; larger ones may exist."""
    aliases: tuple[str, ...] = ()
    """Names under which tables of measurements know it."""
    prices: tuple[Price, ...] = ()
    taints: tuple[NodeTaint, ...] = ()
    provenance_by_field: Mapping[str, Provenance] = field(default_factory=dict, hash=False)
    notes: tuple[str, ...] = ()

    @property
    def is_schedulable(self) -> bool:
        """True when pods can ask for it by an extended resource today."""
        return self.resource_name is not None and self.status is AcceleratorStatus.GA

    @property
    def is_external_only(self) -> bool:
        """True when it is reached as a service only, never through a pod."""
        return not self.engines

    def is_verified(self, field_name: str) -> bool:
        """Tell whether the field's value has a source without doubts."""
        provenance = self.provenance_by_field.get(field_name)
        return provenance is not None and provenance.is_verified
