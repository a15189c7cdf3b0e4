"""The AcceleratorPool: facts that complete or override what is discovered, or that describe an external service."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from quartermaster.api.quantity import DecimalString
from quartermaster.api.v1alpha1.base import ApiModel, Jurisdiction, Name, ObjectMeta
from quartermaster.api.v1alpha1.enums import CapacityType, Support
from quartermaster.api.v1alpha1.status import Condition

LabelValue = Annotated[str, StringConstraints(max_length=63)]
ResourceName = Annotated[
    str,
    StringConstraints(
        pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$", max_length=253
    ),
]


class PoolToleration(ApiModel):
    """A toleration that pods need on the pool's nodes."""

    key: Annotated[str, StringConstraints(min_length=1, max_length=317)]
    """Taint key."""
    value: LabelValue | None = None
    """Taint value; any when unset."""
    effect: (
        Annotated[str, StringConstraints(pattern=r"^(NoSchedule|PreferNoSchedule|NoExecute)$", max_length=16)] | None
    ) = None
    """Taint effect; every effect when unset."""


class NodeTemplate(ApiModel):
    """A node that an autoscaler would add."""

    chips: Annotated[int, Field(ge=1, le=1024)]
    """Accelerator chips per node."""
    zone: Name | None = None
    """Zone in which it would appear."""


class PoolLimits(ApiModel):
    """How far an autoscaler may grow the pool."""

    max_nodes: Annotated[int, Field(ge=0, le=100_000)]
    """Most nodes, those that exist included."""


class PoolOperator(ApiModel):
    """Who runs the machines."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    """Name of the operator, such as aws or our-own-datacentre."""
    jurisdictions: Annotated[tuple[Jurisdiction, ...], Field(min_length=1, max_length=16)]
    """Jurisdictions of the operator and of its parents."""


class PoolCertification(ApiModel):
    """A certification that the pool holds."""

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", min_length=1, max_length=63)]
    """Identifier, such as iso-27001, c5, fedramp or secnumcloud."""
    level: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=63)] | None = None
    """Level that is held."""
    evidence: Annotated[str, StringConstraints(min_length=1, max_length=1024)]
    """Where the evidence is kept: a link or a document reference."""
    valid_until: Annotated[
        str,
        Field(json_schema_extra={"format": "date"}),
        StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", max_length=10),
    ]
    """Last day on which the evidence is valid."""


class ExternalService(ApiModel):
    """A hosted service on chips without a Kubernetes device plugin; it holds no pods."""

    endpoint: Annotated[
        str, StringConstraints(pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._/-]*)?$", max_length=512)
    ]
    """Address of its OpenAI-compatible API."""
    models: Annotated[tuple[Name, ...], Field(min_length=1, max_length=128)]
    """Names of the models that it serves."""
    tokens_per_second: Annotated[int, Field(ge=1, le=1_000_000_000)]
    """Generated tokens per second that it grants us over all models."""
    dollars_per_million_input_tokens: DecimalString
    """Price of a million prompt tokens."""
    dollars_per_million_output_tokens: DecimalString
    """Price of a million generated tokens."""
    time_to_first_token_milliseconds: Annotated[int, Field(ge=1, le=3_600_000)] | None = None
    """Time to first token that it promises."""
    inter_token_latency_milliseconds: Annotated[int, Field(ge=1, le=60_000)] | None = None
    """Inter-token latency that it promises."""


class AcceleratorPoolSpec(ApiModel):
    """Nodes alike in accelerator, region, capacity type and facts."""

    node_selector: Annotated[dict[str, LabelValue], Field(max_length=16)] = {}
    """Labels that the pool's nodes carry; empty for a pool that has no nodes of its own."""
    accelerator: Name | None = None
    """Catalog name of the accelerator; found from labels when unset."""
    resource_name: ResourceName | None = None
    """Extended resource that counts its chips; the catalog's when unset."""
    region: Name | None = None
    """Region; found from labels when unset."""
    provider: Name | None = None
    """Provider as the catalog names it; found from labels when unset."""
    capacity_type: CapacityType | None = None
    """How the nodes are bought; found from labels when unset."""
    dollars_per_chip_hour: DecimalString | None = None
    """Price of one chip; the catalog's list price when unset."""
    power_watts_per_chip: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Electric power of one chip under load; the catalog's when unset."""
    limits: PoolLimits | None = None
    """How far an autoscaler may grow the pool; it does not grow when unset."""
    node_template: NodeTemplate | None = None
    """A node that would be added."""
    tolerations: Annotated[tuple[PoolToleration, ...], Field(max_length=16)] = ()
    """Tolerations that pods need here, besides those that the catalog knows."""
    jurisdictions: Annotated[tuple[Jurisdiction, ...], Field(max_length=16)] = ()
    """Jurisdictions in which the machines stand; those of the region in the catalog when empty."""
    operator: PoolOperator | None = None
    """Who runs the machines."""
    certifications: Annotated[tuple[PoolCertification, ...], Field(max_length=64)] = ()
    """Certifications held, with evidence and expiry."""
    confidential_computing: Support | None = None
    """Whether memory is encrypted and attested, chip included; unknown when unset."""
    external: ExternalService | None = None
    """A hosted service instead of nodes."""


class AcceleratorPoolStatus(ApiModel):
    """What was seen of a pool."""

    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """Generation of the spec that this status speaks of."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16)] = ()
    """Ready: the pool can be planned on."""
    nodes: Annotated[int, Field(ge=0)] | None = None
    """Ready and schedulable nodes seen."""
    chips: Annotated[int, Field(ge=0)] | None = None
    """Chips of those nodes."""
    free_chips: Annotated[int, Field(ge=0)] | None = None
    """Chips that no pod holds."""


class AcceleratorPool(ApiModel):
    """A pool of accelerators."""

    api_version: Literal["quartermaster.dev/v1alpha1"] = "quartermaster.dev/v1alpha1"
    kind: Literal["AcceleratorPool"] = "AcceleratorPool"
    metadata: ObjectMeta
    spec: AcceleratorPoolSpec
    status: AcceleratorPoolStatus | None = None
