"""One placement with everything that its builders read. Facts drawn from it live here; objects do not."""

from dataclasses import dataclass
from typing import Final

from quartermaster.api.v1alpha1 import InferenceDeployment
from quartermaster.catalog.accelerator import Accelerator
from quartermaster.catalog.engine import Engine, EngineImage
from quartermaster.manifests.errors import ManifestError
from quartermaster.planner.fleet import Pool, Shape, Workload
from quartermaster.planner.plan import Placement

DEFAULT_CONTEXT_TOKENS: Final = 32_768
"""Longest sequence served when spec.serving.maxContextTokens is unset; the API's description of that field says so."""


@dataclass(frozen=True, slots=True)
class Replica:
    """One placement, its pool, its engine, and the InferenceDeployment that wants it."""

    deployment: InferenceDeployment
    workload: Workload
    placement: Placement
    pool: Pool
    engine: Engine

    @property
    def shape(self) -> Shape:
        """How one replica runs."""
        return self.placement.candidate.shape

    @property
    def accelerator(self) -> Accelerator:
        """The chip of the pool.

        Raises:
            ManifestError: the pool names none, so no pod can ask for it.
        """
        if self.pool.accelerator is None:
            raise ManifestError(
                "UnknownAccelerator",
                f"wanted a chip to ask for in pool {self.pool.name}, found none: set spec.accelerator of the"
                " AcceleratorPool to a name of the catalog",
            )
        return self.pool.accelerator

    @property
    def resource_name(self) -> str:
        """Extended resource that counts chips.

        Raises:
            ManifestError: the pool has none.
        """
        if not self.pool.resource_name:
            raise ManifestError(
                "UnknownResource",
                f"wanted an extended resource that counts the chips of pool {self.pool.name}, found none: set"
                " spec.resourceName of the AcceleratorPool",
            )
        return self.pool.resource_name

    @property
    def chips(self) -> int:
        """Chips that the replica's one pod asks for; all of the host's where a replica takes a host whole.

        Raises:
            ManifestError: the replica does not fit one host, which a Deployment cannot express.
        """
        whole = [host for host in self.pool.hosts if host.is_whole]
        if not whole:
            return self.shape.chips
        fitting = [host.chips for host in whole if host.nodes == 1 and host.chips >= self.shape.chips]
        if not fitting:
            raise ManifestError(
                "SpansHosts",
                f"wanted {self.shape.chips} chips in one host of pool {self.pool.name}, found slices of"
                f" {min(host.chips // host.nodes for host in whole)} chips per host: allow a pool of single-host"
                " slices, or a shape with fewer chips",
            )
        return min(fitting)

    @property
    def max_context_tokens(self) -> int:
        """Longest sequence that the replica serves."""
        stated = self.workload.spec.serving.max_context_tokens
        return min(self.workload.model.context_tokens, stated or DEFAULT_CONTEXT_TOKENS)

    @property
    def catalog_image(self) -> EngineImage | None:
        """The catalog's image, or None when the spec names its own."""
        stated = next((e for e in self.workload.spec.serving.engines if e.name is self.shape.engine), None)
        return None if stated and stated.image else self.engine.image_for(self.accelerator)

    @property
    def image(self) -> str:
        """The container image: the spec's, otherwise the catalog's.

        Raises:
            ManifestError: neither names one.
        """
        for settings in self.workload.spec.serving.engines:
            if settings.name is self.shape.engine and settings.image:
                return settings.image
        if found := self.engine.image_for(self.accelerator):
            return found.image
        raise ManifestError(
            "NoImage",
            f"wanted an image of {self.shape.engine.value} for {self.accelerator.name}, found none in the catalog:"
            f" name one in spec.serving.engines with name {self.shape.engine.value}",
        )

    @property
    def extra_arguments(self) -> tuple[str, ...]:
        """Arguments that the spec adds: those of the engine, then those of the shape."""
        of_engine = [e.args for e in self.workload.spec.serving.engines if e.name is self.shape.engine]
        return (*(argument for args in of_engine for argument in args), *self.shape.args)
