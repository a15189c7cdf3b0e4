"""The engine: which chips a model server runs on, its image, and the dialect of its metrics. Types only."""

from dataclasses import dataclass
from datetime import date

from quartermaster.catalog.accelerator import Accelerator
from quartermaster.catalog.facts import Provenance
from quartermaster.catalog.vocabulary import EngineName, MetricDialect, Precision


@dataclass(frozen=True, slots=True)
class EngineImage:
    """A public upstream image for the chips of one vendor, as it was current on a day."""

    vendor: str
    image: str
    as_of: date
    provenance: Provenance
    node_architectures: tuple[str, ...] = ("amd64",)
    architectures: tuple[str, ...] = ()
    """Chip architectures that the image is built for; empty for all of the vendor."""

    def runs_on(self, accelerator: Accelerator) -> bool:
        """Tell whether the image is built for the accelerator and for the nodes that carry it."""
        return (
            self.vendor == accelerator.vendor
            and accelerator.node_architecture in self.node_architectures
            and (not self.architectures or accelerator.architecture in self.architectures)
        )


@dataclass(frozen=True, slots=True)
class Engine:
    """One model server."""

    name: EngineName
    display_name: str
    vendors: tuple[str, ...]
    """Vendors of the accelerators it runs on; each accelerator's own ``engines`` is the final word."""
    metric_dialect: MetricDialect
    port: int
    images: tuple[EngineImage, ...]
    precisions: tuple[Precision, ...]
    """Precisions of weights that it can load on at least one of its accelerators."""
    provenance: Provenance
    aliases: tuple[str, ...] = ()
    """Names under which tables of measurements know it."""
    notes: tuple[str, ...] = ()

    def image_for(self, accelerator: Accelerator) -> EngineImage | None:
        """Return the default image for the accelerator, or None: the user must then name one."""
        return next((i for i in self.images if i.runs_on(accelerator)), None)
