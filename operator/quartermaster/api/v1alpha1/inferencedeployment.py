"""The InferenceDeployment: what a platform team asks for."""

from typing import Annotated, Literal

from pydantic import Field

from quartermaster.api.v1alpha1.base import ApiModel, ObjectMeta
from quartermaster.api.v1alpha1.constraints import Budget, Compliance, Placement
from quartermaster.api.v1alpha1.status import InferenceDeploymentStatus
from quartermaster.api.v1alpha1.workload import ModelReference, Objectives, Scaling, Serving, Traffic


class InferenceDeploymentSpec(ApiModel):
    """What a model needs; where it runs is decided by Quartermaster."""

    model: ModelReference
    """The model to serve."""
    serving: Serving = Serving()
    """How replicas are run."""
    traffic: Traffic | None = None
    """Expected load, used until real load is observed."""
    objectives: Objectives = Objectives()
    """Latency to hold."""
    scaling: Scaling = Scaling()
    """How capacity follows load."""
    placement: Placement = Placement()
    """Where replicas may run and how they are spread."""
    compliance: Compliance = Compliance()
    """Rules that can deny a placement."""
    budget: Budget | None = None
    """Ceiling of cost."""
    priority: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    """Higher is served first when the fleet is too small; 0 when unset."""
    replicas: Annotated[int, Field(ge=0, le=10_000)] | None = None
    """Wanted number of replicas, set through the scale subresource; our own scaler then stands aside."""


class InferenceDeployment(ApiModel):
    """A model to be served somewhere in the fleet, within rules, at the lowest cost."""

    api_version: Literal["quartermaster.dev/v1alpha1"] = "quartermaster.dev/v1alpha1"
    kind: Literal["InferenceDeployment"] = "InferenceDeployment"
    metadata: ObjectMeta
    spec: InferenceDeploymentSpec
    status: InferenceDeploymentStatus | None = None
