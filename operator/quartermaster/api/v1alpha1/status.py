"""What Quartermaster reports on an InferenceDeployment. Everything is optional, and judged from what was seen."""

from typing import Annotated, Final

from pydantic import Field, StringConstraints

from quartermaster.api.collection import ATOMIC, BY_TYPE, ListType
from quartermaster.api.quantity import DecimalString
from quartermaster.api.v1alpha1.base import ApiModel

Text = Annotated[str, StringConstraints(max_length=253)]
Message = Annotated[str, StringConstraints(max_length=4096)]
Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"}, max_length=64)]
ConditionStatus = Annotated[str, StringConstraints(pattern=r"^(True|False|Unknown)$", max_length=7)]

MOST_PLACEMENTS: Final = 128
"""Placements that a status tells."""

_BY_PLACE = ListType("map", ("cluster", "pool", "shape", "zone"))


class Condition(ApiModel):
    """A condition as metav1.Condition has it."""

    type: Text
    """Kind of the condition."""
    status: ConditionStatus
    """True, False or Unknown."""
    reason: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$", max_length=128)]
    """CamelCase reason for the last change."""
    message: Message = ""
    """Sentence for a person."""
    last_transition_time: Timestamp
    """When the status last changed."""
    observed_generation: Annotated[int, Field(ge=0)] = 0
    """Generation of the spec that was judged."""


class PlacementStatus(ApiModel):
    """One pool and shape, in one zone or in any, that replicas run on."""

    cluster: Text
    """Cluster of the pool."""
    region: Text
    """Region of the pool."""
    pool: Text
    """Name of the pool."""
    accelerator: Text
    """Catalog name of the accelerator."""
    shape: Text
    """Key of the shape."""
    zone: Text
    """Zone that the replicas are bound to; empty where they may be in any zone of the pool."""
    engine: Text
    """Engine that serves."""
    desired: Annotated[int, Field(ge=0)]
    """Replicas wanted here."""
    ready: Annotated[int, Field(ge=0)]
    """Replicas seen ready here."""
    tokens_per_second: DecimalString
    """Generated tokens per second that the desired replicas sustain within the objectives."""
    dollars_per_hour: DecimalString
    """Cost of the desired replicas."""
    share: DecimalString
    """Fraction of the deployment's requests that this placement is meant to take."""
    throughput_source: Text
    """Where the rate comes from: Measured, Declared or Estimated."""
    price_source: Text | None = None
    """Where the price comes from: Declared in an object, Listed in the catalog, or Estimated."""
    endpoint: Annotated[str, StringConstraints(max_length=512)] | None = None
    """Address of an external pool."""


class DemandStatus(ApiModel):
    """The load that the plan serves."""

    requests_per_second: DecimalString
    """Request rate."""
    input_tokens: Annotated[int, Field(ge=0)]
    """Mean prompt length."""
    output_tokens: Annotated[int, Field(ge=0)]
    """Mean generated length."""
    waiting_requests: Annotated[int, Field(ge=0)]
    """Requests seen waiting in engines' queues."""
    source: Text
    """Observed, or Declared in spec.traffic."""


class CapacityStatus(ApiModel):
    """What the planned replicas can serve."""

    requests_per_second: DecimalString
    """Highest request rate within the objectives."""
    tokens_per_second: DecimalString
    """Highest rate of generated tokens within the objectives."""
    unserved_requests_per_second: DecimalString
    """Demand that no admissible capacity could be found for."""


class CostStatus(ApiModel):
    """What the plan costs."""

    dollars_per_hour: DecimalString
    """Cost of this deployment's placements."""
    dollars_per_million_tokens: DecimalString
    """Cost per million generated tokens at the demand served."""
    fleet_gap: DecimalString
    """Fraction by which the fleet's plan may be above the proven bound."""
    fleet_gap_dollars_per_hour: DecimalString | None = None
    """The same in dollars per hour, with unmet demand, preferences and changes priced in."""


class RejectionStatus(ApiModel):
    """Why candidates were refused, counted by rule."""

    rule: Text
    """Name of the rule."""
    reason: Text
    """CamelCase reason."""
    count: Annotated[int, Field(ge=1)]
    """Candidates refused for it."""
    message: Message
    """What was wanted and found, for the first of them."""
    remedy: Message
    """Smallest change that would admit it."""


class DecisionStatus(ApiModel):
    """The decision that the status speaks of."""

    id: Text
    """Digest of what the decision was made from."""
    time: Timestamp
    """When it was made."""
    reason: Message
    """What changed."""


class InferenceDeploymentStatus(ApiModel):
    """Status of an InferenceDeployment."""

    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """Generation of the spec that this status speaks of."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16), BY_TYPE] = ()
    """Ready, Placed, Compliant, Scaled, Reconciling and Stalled."""
    replicas: Annotated[int, Field(ge=0)] | None = None
    """Replicas that exist over all pools."""
    ready_replicas: Annotated[int, Field(ge=0)] | None = None
    """Replicas seen ready over all pools."""
    selector: Annotated[str, StringConstraints(max_length=512)] | None = None
    """Label selector of the replicas' pods."""
    accelerators: Annotated[str, StringConstraints(max_length=512)] | None = None
    """Accelerators in use, for the printer column."""
    placements: Annotated[tuple[PlacementStatus, ...], Field(max_length=MOST_PLACEMENTS), _BY_PLACE] = ()
    """Where replicas run; of more than 128 placements those with the most capacity."""
    demand: DemandStatus | None = None
    """The load that the plan serves."""
    capacity: CapacityStatus | None = None
    """What the planned replicas can serve."""
    cost: CostStatus | None = None
    """What the plan costs."""
    rejections: Annotated[tuple[RejectionStatus, ...], Field(max_length=32), ATOMIC] = ()
    """Most frequent reasons for refusing candidates."""
    decision: DecisionStatus | None = None
    """The decision that the status speaks of."""
