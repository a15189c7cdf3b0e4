"""Where the weights come from: the source's URI → the engine's model argument, and the volume that holds it if any.

Engines decide how they load; this file only says what there is to load.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from quartermaster.manifests.errors import ManifestError
from quartermaster.planner.fleet import Workload

MOUNT_PATH: Final = "/model"
VOLUME_NAME: Final = "model"


class Scheme(StrEnum):
    """Kinds of places that weights come from."""

    HUGGING_FACE = "hf"
    IMAGE = "oci"
    CLAIM = "pvc"
    S3 = "s3"
    GOOGLE_STORAGE = "gs"


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights as one engine is told of them."""

    scheme: Scheme
    argument: str
    """Repository, path or address."""
    revision: str | None = None
    """Branch, tag or commit of a repository; its default when None."""
    is_default: bool = False
    """True for the catalog's own repository: its number format is the model's published one."""

    @property
    def is_object_store(self) -> bool:
        """Whether the engine must stream the weights from a bucket."""
        return self.scheme in {Scheme.S3, Scheme.GOOGLE_STORAGE}


def weights_of(workload: Workload) -> Weights:
    """Return where the weights of a workload come from: its source, otherwise the catalog's repository.

    Raises:
        ManifestError: the model is none of the catalog's, and the spec names no source.
    """
    source = workload.spec.model.source
    if source is None and workload.spec.model.facts is not None:
        raise ManifestError(
            "NoSource",
            f"wanted the place of the weights of {workload.spec.model.name}, found only facts: set spec.model.source",
        )
    if source is None:
        return Weights(Scheme.HUGGING_FACE, workload.model.repository, is_default=True)
    scheme_text, _, place = source.partition("://")
    scheme = Scheme(scheme_text)
    if scheme is Scheme.HUGGING_FACE:
        repository, _, revision = place.partition("@")
        return Weights(scheme, repository, revision or None)
    if scheme is Scheme.IMAGE:
        return Weights(scheme, MOUNT_PATH)
    if scheme is Scheme.CLAIM:
        _, _, path = place.partition("/")
        return Weights(scheme, f"{MOUNT_PATH}/{path}".rstrip("/"))
    return Weights(scheme, source)


def weights_volumes(workload: Workload) -> list[dict[str, Any]]:
    """Return the pod's volumes that hold the weights: a claim, an image, or none."""
    scheme, _, place = (workload.spec.model.source or "").partition("://")
    if scheme == Scheme.CLAIM:
        claim = {"claimName": place.partition("/")[0], "readOnly": True}
        return [{"name": VOLUME_NAME, "persistentVolumeClaim": claim}]
    if scheme == Scheme.IMAGE:
        return [{"name": VOLUME_NAME, "image": {"reference": place, "pullPolicy": "IfNotPresent"}}]
    return []


def weights_mounts(workload: Workload) -> list[dict[str, Any]]:
    """Return the container's mounts of those volumes; always read-only."""
    return [{"name": volume["name"], "mountPath": MOUNT_PATH, "readOnly": True} for volume in weights_volumes(workload)]
