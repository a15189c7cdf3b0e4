"""The ModelProfile that the operator proposes from what it observes: its name and its manifest."""

from typing import Any

from quartermaster.api import names
from quartermaster.api.v1alpha1 import ModelProfile, ModelProfileSpec
from quartermaster.api.v1alpha1.enums import ProfileOrigin
from quartermaster.manifests import drift
from quartermaster.planner.throughput.fit import ProfileKey, key_of_profile


def profile_name(key: ProfileKey) -> str:
    """Return the name: what was measured, such as ``llama-3.1-8b-instruct-nvidia-l4-vllm-bf16-tp1``."""
    model, accelerator, engine, precision, tensor_parallelism, pipeline_parallelism, ranks, experts = key
    parts = [model, accelerator, engine.value.lower(), precision.value.lower(), f"tp{tensor_parallelism}"]
    if pipeline_parallelism > 1:
        parts.append(f"pp{pipeline_parallelism}")
    if ranks > 1:
        parts.append(f"dp{ranks}")
    if experts > 1:
        parts.append("ep")
    return "-".join(parts)


def observed_profile(spec: ModelProfileSpec) -> dict[str, Any]:
    """Return the manifest. It has no owner: what was measured stays true when nobody runs it any more."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": "ModelProfile",
        "metadata": {"name": profile_name(key_of_profile(spec)), "labels": {names.MANAGED_BY_LABEL: names.MANAGED_BY}},
        "spec": spec.model_dump(mode="json", by_alias=True, exclude_none=True),
    }


def is_as_proposed(document: ModelProfile) -> bool:
    """Whether a live profile is one that we proposed and nobody has changed since.

    Who changes a figure, the origin or the label of one has taken it over.
    """
    metadata, spec = document.metadata, document.spec
    wanted = drift.digest(observed_profile(spec))
    return (
        spec.origin is ProfileOrigin.OBSERVED
        and metadata.labels.get(names.MANAGED_BY_LABEL) == names.MANAGED_BY
        and metadata.name == profile_name(key_of_profile(spec))
        and metadata.annotations.get(drift.DIGEST_ANNOTATION) == wanted
    )
