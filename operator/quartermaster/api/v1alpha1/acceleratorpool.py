"""The AcceleratorPool: facts that complete or override what is discovered, or that describe an external service."""

from datetime import date
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field, StringConstraints

from quartermaster.api.collection import ATOMIC, ATOMIC_MAP, BY_ID, BY_TYPE, SET
from quartermaster.api.quantity import DecimalString
from quartermaster.api.rule import SELF, Rule, pattern
from quartermaster.api.v1alpha1.base import (
    LABEL_KEY_PATTERN,
    ApiModel,
    CertificationWord,
    Jurisdiction,
    LabelValue,
    Name,
    ObjectMeta,
    Place,
)
from quartermaster.api.v1alpha1.enums import CapacityType, Support
from quartermaster.api.v1alpha1.keys import all_keys_match, object_name
from quartermaster.api.v1alpha1.status import Condition

ResourceName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=253),
    pattern(
        "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
        wanted="an extended resource with its vendor's domain",
        remedy="write it as the device plugin advertises it, such as nvidia.com/gpu or google.com/tpu",
    ),
]

TaintKey = Annotated[
    str,
    StringConstraints(min_length=1, max_length=317),
    pattern(
        LABEL_KEY_PATTERN,
        wanted="a taint key",
        remedy="write it as the node has it, such as nvidia.com/gpu",
    ),
]

NodeSelector = Annotated[
    dict[str, LabelValue],
    Field(max_length=16, json_schema_extra=ATOMIC_MAP),
    all_keys_match(LABEL_KEY_PATTERN, what="label", example="cloud.google.com/gke-nodepool"),
]

_HOST_LABEL: Final = "[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?"
_PORT: Final = "(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})"

Endpoint = Annotated[
    str,
    StringConstraints(min_length=1, max_length=512),
    pattern(
        f"^https?://{_HOST_LABEL}([.]{_HOST_LABEL})*(:{_PORT})?(/[A-Za-z0-9._~/-]*)?$",
        wanted="an address of the form https://host[:port][/path]",
        remedy="leave out user names, query and fragment, and keep the port from 1 to 65535",
    ),
    Rule(
        cel="!self.endsWith('/completions') && !self.endsWith('/completions/')",
        wanted="the base address of an OpenAI-compatible API",
        remedy="leave out /v1/completions or /v1/chat/completions, which the client adds",
        holds=lambda address: not address.rstrip("/").endswith("/completions"),
        found=(SELF,),
    ),
]


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text and text >= "1000"
    except ValueError:
        return False


CalendarDate = Annotated[
    str,
    StringConstraints(min_length=1, max_length=32),
    Rule(
        # A full date of the calendar, without Kubernetes' format library, which older API servers lack.
        cel=(
            "self.matches('^[1-9][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])"
            "|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))$')"
            " || (self.matches('^[1-9][0-9]{3}-02-29$') && int(self.substring(0, 4)) % 4 == 0"
            " && (int(self.substring(0, 4)) % 100 != 0 || int(self.substring(0, 4)) % 400 == 0))"
        ),
        wanted="a day of the calendar as YYYY-MM-DD",
        remedy="write it such as 2027-03-31",
        holds=_is_date,
        found=(SELF,),
    ),
]


class PoolToleration(ApiModel):
    """A toleration that pods need on the pool's nodes."""

    key: TaintKey
    """Taint key."""
    value: LabelValue | None = None
    """Taint value; any when unset."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Taint effect; every effect when unset."""


class NodeTemplate(ApiModel):
    """A node that an autoscaler would add."""

    chips: Annotated[int, Field(ge=1, le=1024)]
    """Accelerator chips per node."""
    zone: Place | None = None
    """Zone in which it would appear."""


class PoolLimits(ApiModel):
    """How far an autoscaler may grow the pool."""

    max_nodes: Annotated[int, Field(ge=0, le=100_000)]
    """Most nodes, those that exist included."""


class PoolOperator(ApiModel):
    """Who runs the machines."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    """Name of the operator, such as aws or our-own-datacentre."""
    jurisdictions: Annotated[tuple[Jurisdiction, ...], Field(min_length=1, max_length=16), SET]
    """Jurisdictions of the operator and of its parents."""


class PoolCertification(ApiModel):
    """A certification that the pool holds."""

    id: CertificationWord
    """Identifier, such as iso-27001, c5, fedramp or secnumcloud."""
    level: CertificationWord | None = None
    """Level that is held."""
    evidence: Annotated[str, StringConstraints(min_length=1, max_length=1024)]
    """Where the evidence is kept: a link or a document reference."""
    valid_until: CalendarDate
    """Last day on which the evidence is valid, as YYYY-MM-DD."""


class ExternalService(ApiModel):
    """A hosted service on chips without a Kubernetes device plugin; it holds no pods."""

    endpoint: Endpoint
    """Address of its OpenAI-compatible API."""
    models: Annotated[tuple[Name, ...], Field(min_length=1, max_length=128), SET]
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


def _excluded_by_external(field: str, attribute: str, remedy: str) -> Rule:
    return Rule(
        cel=f"!has(self.external) || !has(self.{field})",
        wanted=f"no {field} beside external, which has no nodes of ours",
        remedy=remedy,
        holds=lambda spec: spec.external is None or not _is_said(spec, attribute),
        field=field,
    )


def _is_said(spec: Any, attribute: str) -> bool:
    return attribute in spec.model_fields_set and getattr(spec, attribute) is not None


class AcceleratorPoolSpec(ApiModel):
    """Nodes alike in accelerator, region, capacity type and facts."""

    node_selector: NodeSelector = {}
    """Labels that the pool's nodes carry; empty for a pool that has no nodes of its own."""
    accelerator: Name | None = None
    """Catalog name of the accelerator; found from labels when unset."""
    resource_name: ResourceName | None = None
    """Extended resource that counts its chips; the catalog's when unset."""
    region: Place | None = None
    """Region; found from labels when unset. An external service must state it."""
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
    tolerations: Annotated[tuple[PoolToleration, ...], Field(max_length=16), ATOMIC] = ()
    """Tolerations that pods need here, besides those that the catalog knows."""
    jurisdictions: Annotated[tuple[Jurisdiction, ...], Field(max_length=16), SET] = ()
    """Jurisdictions in which the machines stand; those of the region in the catalog when empty."""
    operator: PoolOperator | None = None
    """Who runs the machines."""
    certifications: Annotated[tuple[PoolCertification, ...], Field(max_length=64), BY_ID] = ()
    """Certifications held, with evidence and expiry."""
    confidential_computing: Support | None = None
    """Whether memory is encrypted and attested, chip included; unknown when unset."""
    external: ExternalService | None = None
    """A hosted service instead of nodes."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=(
                "has(self.external) || has(self.nodeTemplate)"
                " || (has(self.nodeSelector) && size(self.nodeSelector) > 0)"
            ),
            wanted="nodeSelector, nodeTemplate or external, so that the pool is something",
            remedy=(
                "set nodeSelector for nodes that exist, nodeTemplate with limits.maxNodes for nodes that could be "
                "added, or external for a hosted service"
            ),
            holds=lambda spec: bool(spec.external or spec.node_template or spec.node_selector),
        ),
        Rule(
            cel="!has(self.nodeTemplate) || (has(self.accelerator) && has(self.region))",
            wanted="accelerator and region beside nodeTemplate, because no node's labels say them",
            remedy="set accelerator to a catalog name and region to the nodes' region",
            holds=lambda spec: spec.node_template is None or (spec.accelerator is not None and spec.region is not None),
            field="nodeTemplate",
            found=("accelerator", "region"),
        ),
        Rule(
            cel="has(self.nodeTemplate) == has(self.limits)",
            wanted="limits.maxNodes and nodeTemplate together",
            remedy="set both so that nodes that do not exist yet can be planned on, or neither",
            holds=lambda spec: (spec.node_template is None) == (spec.limits is None),
            field="limits",
        ),
        Rule(
            cel="!has(self.external) || has(self.region)",
            wanted="region beside external, because rules of residency judge it",
            remedy="set region to where the service computes",
            holds=lambda spec: spec.external is None or spec.region is not None,
            field="region",
        ),
        _excluded_by_external(
            "nodeSelector", "node_selector", "remove nodeSelector, or describe nodes and remove external"
        ),
        _excluded_by_external("limits", "limits", "remove limits; external.tokensPerSecond is the service's capacity"),
        _excluded_by_external("nodeTemplate", "node_template", "remove nodeTemplate; a service adds no nodes"),
        _excluded_by_external("resourceName", "resource_name", "remove resourceName; no pod asks for its chips"),
        _excluded_by_external("tolerations", "tolerations", "remove tolerations; no pod runs there"),
        _excluded_by_external(
            "dollarsPerChipHour", "dollars_per_chip_hour", "remove dollarsPerChipHour and price tokens in external"
        ),
        _excluded_by_external(
            "powerWattsPerChip", "power_watts_per_chip", "remove powerWattsPerChip; the service's chips are not ours"
        ),
    )


class AcceleratorPoolStatus(ApiModel):
    """What was seen of a pool."""

    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """Generation of the spec that this status speaks of."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16), BY_TYPE] = ()
    """Ready: the pool can be planned on."""
    nodes: Annotated[int, Field(ge=0)] | None = None
    """Ready and schedulable nodes seen."""
    chips: Annotated[int, Field(ge=0)] | None = None
    """Chips of those nodes."""
    free_chips: Annotated[int, Field(ge=0)] | None = None
    """Chips that no pod holds."""


class AcceleratorPool(ApiModel):
    """A pool of accelerators: facts that complete or override what is discovered, or an external service."""

    api_version: Literal["quartermaster.dev/v1alpha1"] = "quartermaster.dev/v1alpha1"
    kind: Literal["AcceleratorPool"] = "AcceleratorPool"
    metadata: ObjectMeta
    spec: AcceleratorPoolSpec
    """What is known of the pool."""
    status: AcceleratorPoolStatus | None = None
    """What was seen of it."""

    rules: ClassVar[tuple[Rule, ...]] = (
        object_name(max_characters=63, why="it becomes the label quartermaster.dev/pool"),
    )
