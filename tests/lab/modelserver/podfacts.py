"""From a pod that Quartermaster made to the engine, the model and the physics of its double. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.lab.modelserver.physics import ReplicaPhysics

ENGINE_LABEL = "quartermaster.dev/engine"
DEPLOYMENT_LABEL = "quartermaster.dev/inference-deployment"
POOL_LABEL = "quartermaster.dev/pool"

_NAME_OPTION = "--served-model-name="


class PodFacts:
    """Physics by pool, for `follow`: a slower chip is another pool. Call it with a pod."""

    def __init__(self, physics_by_pool: Mapping[str, ReplicaPhysics], *, default: ReplicaPhysics) -> None:
        """Use `default` for pools that are not named."""
        self._physics_by_pool = dict(physics_by_pool)
        self._default = default

    def __call__(self, pod: dict[str, Any]) -> tuple[str, str, ReplicaPhysics] | None:
        """Return engine, model and physics of a pod; None for one without an engine, which serves nothing.

        The model is called what the engine is told to call it, or after its InferenceDeployment.
        """
        labels = pod["metadata"].get("labels", {})
        if ENGINE_LABEL not in labels:
            return None
        options = [option for container in pod["spec"]["containers"] for option in container.get("args", [])]
        names = [option.removeprefix(_NAME_OPTION) for option in options if option.startswith(_NAME_OPTION)]
        model = names[-1] if names else labels.get(DEPLOYMENT_LABEL, "model")
        physics = self._physics_by_pool.get(labels.get(POOL_LABEL, ""), self._default)
        return labels[ENGINE_LABEL], model, physics
