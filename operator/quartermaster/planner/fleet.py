"""The fleet as the planner sees it: pools, hosts, workloads and their demand. Immutable values only; no decisions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from quartermaster.api.v1alpha1 import InferenceDeploymentSpec, ModelProfileSpec
from quartermaster.api.v1alpha1.acceleratorpool import PoolCertification, PoolToleration
from quartermaster.api.v1alpha1.enums import CapacityType, EngineName, Precision, Support
from quartermaster.catalog.accelerator import Accelerator
from quartermaster.catalog.model import Model

LABEL_VALUE_CHARACTERS = 63
"""Longest value of a Kubernetes label."""


class Source(StrEnum):
    """Where a number comes from."""

    MEASURED = "Measured"
    """A ModelProfile, or load that was observed."""
    DECLARED = "Declared"
    """Stated by a person in an object."""
    LISTED = "Listed"
    """A dated fact of the catalog."""
    ESTIMATED = "Estimated"
    """Derived from a datasheet or from a neighbouring fact."""


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Identity of an InferenceDeployment."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class Shape:
    """How one replica runs on one accelerator."""

    engine: EngineName
    precision: Precision
    tensor_parallelism: int = 1
    pipeline_parallelism: int = 1
    data_parallelism: int = 1
    """Ranks of ``tensor_parallelism`` chips that each hold the whole attention."""
    expert_parallelism: int = 1
    """Chips over which experts are spread whole: 1, or all that share a layer."""
    name: str = ""
    """Name of the explicit shape of the spec; empty for one that the planner found."""
    args: tuple[str, ...] = ()

    @property
    def chips(self) -> int:
        """Chips that one replica holds; 0 for an external service."""
        return self.tensor_parallelism * self.pipeline_parallelism * self.data_parallelism

    @property
    def key(self) -> str:
        """A label value that is unique among the shapes of one deployment, such as ``vllm-fp8-tp8``."""
        if not self.chips:
            return self.name
        parts = [self.engine.value.lower(), self.precision.value.lower(), f"tp{self.tensor_parallelism}"]
        if self.pipeline_parallelism > 1:
            parts.append(f"pp{self.pipeline_parallelism}")
        if self.data_parallelism > 1:
            parts.append(f"dp{self.data_parallelism}")
        if self.expert_parallelism > 1:
            parts.append("ep")
        how = "-".join(parts)
        prefix = self.name[: LABEL_VALUE_CHARACTERS - len(how) - 1].strip("-.")
        return f"{prefix}-{how}" if prefix else how


@dataclass(frozen=True, slots=True, order=True)
class Host:
    """What one replica can sit in: a node, or a slice of nodes that is taken whole."""

    name: str
    zone: str
    chips: int
    """Chips that the device plugin offers."""
    available_chips: int
    """Chips that no pod of others holds: free, or held by replicas of ours."""
    free_chips: int
    """Chips that nobody holds."""
    nodes: int = 1
    """Nodes in the slice."""
    is_whole: bool = False
    """A replica takes all of it or none (a TPU slice)."""
    exists: bool = True
    """False for a node that an autoscaler would add."""


@dataclass(frozen=True, slots=True)
class External:
    """A hosted service; it holds no pods."""

    endpoint: str
    models: frozenset[str]
    tokens_per_second: float
    dollars_per_million_input_tokens: float
    dollars_per_million_output_tokens: float
    time_to_first_token_seconds: float | None = None
    inter_token_latency_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What compliance rules judge. None means that nobody stated it, which never satisfies a rule."""

    jurisdictions: frozenset[str] | None = None
    jurisdictions_source: str = "not stated"
    operator: str | None = None
    operator_jurisdictions: frozenset[str] | None = None
    operator_source: str = "not stated"
    certifications: tuple[PoolCertification, ...] = ()
    confidential_computing: Support = Support.UNKNOWN
    confidential_source: str = "not stated"


@dataclass(frozen=True, slots=True)
class Pool:
    """Nodes alike in cluster, region, accelerator, capacity type, price and facts; or an external service."""

    name: str
    cluster: str
    region: str
    provider: str
    capacity_type: CapacityType
    accelerator: Accelerator | None
    """None for an external service whose chips are not named."""
    resource_name: str
    """Extended resource that counts chips; empty for an external service."""
    hosts: tuple[Host, ...] = ()
    dollars_per_chip_hour: float | None = None
    price_source: Source = Source.ESTIMATED
    power_watts_per_chip: float | None = None
    facts: Facts = Facts()
    node_labels: Mapping[str, str] = field(default_factory=dict)
    """Labels that pin a pod to this pool's nodes."""
    absent_labels: tuple[str, ...] = ()
    """Labels that the pool's nodes must not carry, because nodes that do belong to another pool."""
    tolerations: tuple[PoolToleration, ...] = ()
    external: External | None = None
    declared_by: str = ""
    """Name of the AcceleratorPool that describes it; empty for a pool that was only discovered."""

    @property
    def accelerator_name(self) -> str:
        """Catalog name of the accelerator, or ``external``."""
        return self.accelerator.name if self.accelerator else "external"

    @property
    def available_chips(self) -> int:
        """Chips that no pod of others holds, over all hosts."""
        return sum(host.available_chips for host in self.hosts)


@dataclass(frozen=True, slots=True)
class Demand:
    """What a deployment must be able to serve, at its own token mix."""

    requests_per_second: float
    input_tokens: float
    output_tokens: float
    waiting_requests: float = 0.0
    replicas: int | None = None
    """Wanted number of replicas when somebody else scales (spec.replicas); the rate is then not planned for."""
    source: Source = Source.DECLARED


class Place(NamedTuple):
    """Where replicas of one deployment are that are all alike: what has one count, and one Deployment."""

    pool: str
    shape_key: str
    zone: str = ""
    """Empty where they may be in any zone of the pool."""


def may_meet(zone: str, other: str) -> bool:
    """Return whether what is bound to these zones may be in one; an empty one is any."""
    return not zone or not other or zone == other


@dataclass(frozen=True, slots=True)
class Running:
    """Replicas of one deployment that exist in one place."""

    pool: str
    shape_key: str
    replicas: int
    ready: int
    hosts: tuple[str, ...] = ()
    """Names of the hosts on which replicas sit, once for each; empty where nobody looked."""
    zone: str = ""
    """Zone that they are bound to; empty where they may be in any."""

    @property
    def place(self) -> Place:
        """Where they are."""
        return Place(self.pool, self.shape_key, self.zone)


@dataclass(frozen=True, slots=True)
class Workload:
    """One InferenceDeployment as the planner sees it."""

    key: Key
    spec: InferenceDeploymentSpec
    model: Model
    demand: Demand
    running: tuple[Running, ...] = ()


@dataclass(frozen=True, slots=True)
class Fleet:
    """Everything that replicas can run on, on one day."""

    pools: tuple[Pool, ...]
    today: date
    """The day on which expiry is judged."""
    profiles: tuple[ModelProfileSpec, ...] = ()
