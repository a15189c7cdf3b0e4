"""The InferenceDeployment: what a platform team asks for."""

import json
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field
from pydantic.alias_generators import to_snake

from quartermaster.api.quantity import FRACTION_PATTERN
from quartermaster.api.rule import Rule
from quartermaster.api.v1alpha1.base import ApiModel, ObjectMeta
from quartermaster.api.v1alpha1.constraints import Budget, Compliance, Placement
from quartermaster.api.v1alpha1.keys import object_name
from quartermaster.api.v1alpha1.status import InferenceDeploymentStatus
from quartermaster.api.v1alpha1.workload import ModelReference, Objectives, Scaling, Serving, Traffic

_MAX_REPLICAS_SAID: Final = "has(self.scaling) && has(self.scaling.maxReplicas)"


def _replicas_cover(spread: Literal["minRegions", "minZones"]) -> Rule:
    """Return the rule that there may be as many replicas as regions or zones that must each hold one."""
    attribute = to_snake(spread)

    def holds(spec: Any) -> bool:
        places = getattr(spec.placement, attribute)
        most = spec.scaling.max_replicas
        return places is None or most is None or most == 0 or places <= most

    return Rule(
        cel=(
            f"!({_MAX_REPLICAS_SAID}) || self.scaling.maxReplicas == 0 || !has(self.placement)"
            f" || !has(self.placement.{spread}) || self.placement.{spread} <= self.scaling.maxReplicas"
        ),
        wanted=f"placement.{spread} of at most scaling.maxReplicas, since each must hold a replica",
        remedy=f"lower placement.{spread} or raise scaling.maxReplicas",
        holds=holds,
        field=f"placement.{spread}",
        found=(f"placement.{spread}", "scaling.maxReplicas"),
    )


def _replicas_reach_share(spec: Any) -> bool:
    share, most = spec.placement.max_region_share, spec.scaling.max_replicas
    return share is None or most is None or most == 0 or Decimal(share) * most >= Decimal("0.9999")


def _dense_stays_whole(spec: Any) -> bool:
    facts = spec.model.facts
    if facts is None or (facts.active_parameters is not None and facts.active_parameters < facts.parameters):
        return True
    return all(shape.data_parallelism == shape.expert_parallelism == 1 for shape in spec.serving.shapes)


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
    """Wanted number of replicas, set through the scale subresource; our own scaler then stands aside.

    An HPA reads the count before it sets one: give it a first count here.
    """

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=(
                "!has(self.replicas) || !has(self.scaling) || !has(self.scaling.maxReplicas)"
                " || self.replicas <= self.scaling.maxReplicas"
            ),
            wanted="replicas of at most scaling.maxReplicas",
            remedy="raise scaling.maxReplicas or lower replicas",
            holds=lambda spec: (
                spec.replicas is None or spec.scaling.max_replicas is None or spec.replicas <= spec.scaling.max_replicas
            ),
            field="replicas",
            found=("replicas", "scaling.maxReplicas"),
        ),
        Rule(
            cel=(
                "!has(self.replicas) || !has(self.scaling) || !has(self.scaling.minReplicas)"
                " || self.replicas >= self.scaling.minReplicas"
            ),
            wanted="replicas of at least scaling.minReplicas",
            remedy="lower scaling.minReplicas or raise replicas",
            holds=lambda spec: (
                spec.replicas is None
                or "min_replicas" not in spec.scaling.model_fields_set
                or spec.replicas >= spec.scaling.min_replicas
            ),
            field="replicas",
            found=("replicas", "scaling.minReplicas"),
        ),
        _replicas_cover("minRegions"),
        _replicas_cover("minZones"),
        Rule(
            cel=(
                f"!({_MAX_REPLICAS_SAID}) || self.scaling.maxReplicas == 0 || !has(self.placement)"
                " || !has(self.placement.maxRegionShare)"
                f" || !self.placement.maxRegionShare.matches({json.dumps(FRACTION_PATTERN)})"
                " || double(self.placement.maxRegionShare) * double(self.scaling.maxReplicas) >= 0.9999"
            ),
            wanted="scaling.maxReplicas of at least 1 divided by placement.maxRegionShare",
            remedy="raise scaling.maxReplicas, so that each region holds no more than its share, or maxRegionShare",
            holds=_replicas_reach_share,
            field="scaling.maxReplicas",
            found=("scaling.maxReplicas", "placement.maxRegionShare"),
        ),
        Rule(
            cel=(
                "!has(self.serving) || !has(self.serving.maxContextTokens) || !has(self.model.facts)"
                " || self.serving.maxContextTokens <= self.model.facts.contextTokens"
            ),
            wanted="serving.maxContextTokens of at most model.facts.contextTokens",
            remedy="lower serving.maxContextTokens, or leave it out",
            holds=lambda spec: (
                spec.serving.max_context_tokens is None
                or spec.model.facts is None
                or spec.serving.max_context_tokens <= spec.model.facts.context_tokens
            ),
            field="serving.maxContextTokens",
            found=("serving.maxContextTokens", "model.facts.contextTokens"),
        ),
        Rule(
            cel=(
                "!has(self.traffic) || !has(self.serving) || !has(self.serving.maxContextTokens)"
                " || self.traffic.inputTokens + self.traffic.outputTokens <= self.serving.maxContextTokens"
            ),
            wanted="traffic.inputTokens plus traffic.outputTokens of at most serving.maxContextTokens",
            remedy="raise serving.maxContextTokens, or state the traffic's mean lengths",
            holds=lambda spec: (
                spec.traffic is None
                or spec.serving.max_context_tokens is None
                or spec.traffic.input_tokens + spec.traffic.output_tokens <= spec.serving.max_context_tokens
            ),
            field="traffic",
            found=("traffic.inputTokens", "traffic.outputTokens", "serving.maxContextTokens"),
        ),
        Rule(
            cel=(
                "!has(self.model.facts) || (has(self.model.facts.activeParameters)"
                " && self.model.facts.activeParameters < self.model.facts.parameters)"
                " || !has(self.serving) || !has(self.serving.shapes)"
                " || self.serving.shapes.all(shape, (!has(shape.dataParallelism) || shape.dataParallelism == 1)"
                " && (!has(shape.expertParallelism) || shape.expertParallelism == 1))"
            ),
            wanted="shapes without dataParallelism and expertParallelism, because a dense model has no experts",
            remedy=(
                "remove them, since more replicas do the same; or set model.facts.activeParameters below parameters for"
                " a mixture of experts"
            ),
            holds=_dense_stays_whole,
            field="serving.shapes",
            found=("model.facts.parameters", "model.facts.activeParameters"),
        ),
    )


class InferenceDeployment(ApiModel):
    """A model to be served somewhere in the fleet, within rules, at the lowest cost."""

    api_version: Literal["quartermaster.dev/v1alpha1"] = "quartermaster.dev/v1alpha1"
    kind: Literal["InferenceDeployment"] = "InferenceDeployment"
    metadata: ObjectMeta
    spec: InferenceDeploymentSpec
    """What the model needs."""
    status: InferenceDeploymentStatus | None = None
    """What was decided and what was seen."""

    rules: ClassVar[tuple[Rule, ...]] = (
        object_name(max_characters=40, why="its Service and its pods are named after it", is_service_name=True),
    )
