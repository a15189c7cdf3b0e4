"""What an InferenceDeployment serves, and how: model, serving, traffic, objectives, scaling."""

from typing import Annotated

from pydantic import Field, StringConstraints

from quartermaster.api.quantity import DecimalString
from quartermaster.api.v1alpha1.base import ApiModel, Name
from quartermaster.api.v1alpha1.enums import EngineChoice, EngineName, Precision

Argument = Annotated[str, StringConstraints(min_length=1, max_length=512)]
Image = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._/:@-]*$", min_length=1, max_length=512)]


class ModelFacts(ApiModel):
    """Facts of a model that the catalog does not hold; they decide memory fit and the throughput estimate."""

    parameters: Annotated[int, Field(ge=1_000_000, le=100_000_000_000_000)]
    """Number of weights."""
    active_parameters: Annotated[int, Field(ge=1_000_000, le=100_000_000_000_000)] | None = None
    """Weights used per token, for a mixture of experts; all of them when unset."""
    layers: Annotated[int, Field(ge=1, le=1024)]
    """Number of transformer layers that hold a KV cache."""
    kv_heads: Annotated[int, Field(ge=1, le=1024)]
    """Key-value heads per layer."""
    head_dimension: Annotated[int, Field(ge=1, le=4096)]
    """Elements per head."""
    context_tokens: Annotated[int, Field(ge=128, le=100_000_000)]
    """Longest sequence that the model accepts."""
    precision: Precision = Precision.BF16
    """Number format in which the weights are published."""
    licence: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    """SPDX identifier or name of the licence of the weights."""


class ModelReference(ApiModel):
    """The model: a name of the catalog, or facts given inline; with the place of its weights."""

    name: Name
    """Name of the model: an entry of the catalog, unless facts are given. Also the served model name."""
    facts: ModelFacts | None = None
    """Facts of a model that the catalog does not hold."""
    source: (
        Annotated[
            str, StringConstraints(pattern=r"^(hf|oci|s3|gs|pvc)://[A-Za-z0-9._/:@-]+$", min_length=6, max_length=512)
        ]
        | None
    ) = None
    """Where the weights come from: hf://, oci://, s3://, gs:// or pvc://. The catalog's repository when unset."""
    precision: Precision | None = None
    """Number format to serve in; the published one when unset."""


class EngineSettings(ApiModel):
    """Image and extra arguments of one engine."""

    name: EngineName
    """The engine that these settings are for."""
    image: Image | None = None
    """Container image; the catalog's when unset."""
    args: Annotated[tuple[Argument, ...], Field(max_length=64)] = ()
    """Arguments added after those that Quartermaster writes."""


class ShapeSpec(ApiModel):
    """One explicit way of running a replica."""

    name: Name
    """Name of the shape, unique in its list."""
    accelerator: Name | None = None
    """Catalog name of the accelerator that the shape is for; any eligible one when unset."""
    engine: EngineName | None = None
    """Engine; the deployment's when unset."""
    precision: Precision | None = None
    """Number format; the model's when unset."""
    tensor_parallelism: Annotated[int, Field(ge=1, le=128)] = 1
    """Chips over which each layer is split."""
    pipeline_parallelism: Annotated[int, Field(ge=1, le=64)] = 1
    """Stages into which the layers are divided."""
    args: Annotated[tuple[Argument, ...], Field(max_length=64)] = ()
    """Arguments added for this shape."""


class EnvironmentVariable(ApiModel):
    """A variable of the serving container: a value, or a key of a Secret."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", min_length=1, max_length=128)]
    """Name of the variable."""
    value: Annotated[str, StringConstraints(max_length=4096)] | None = None
    """Its value."""
    secret_name: Name | None = None
    """Secret that holds the value, in the deployment's namespace."""
    secret_key: Annotated[str, StringConstraints(pattern=r"^[-._a-zA-Z0-9]+$", min_length=1, max_length=253)] | None = (
        None
    )
    """Key inside the Secret."""


class PodOverlay(ApiModel):
    """The few things of a pod that a deployment may add."""

    labels: Annotated[dict[str, Annotated[str, StringConstraints(max_length=63)]], Field(max_length=32)] = {}
    """Labels added to pods; those of Quartermaster cannot be overwritten."""
    annotations: Annotated[dict[str, Annotated[str, StringConstraints(max_length=4096)]], Field(max_length=32)] = {}
    """Annotations added to pods."""
    service_account_name: Name | None = None
    """ServiceAccount of the pods; the namespace's default when unset."""
    priority_class_name: Name | None = None
    """Kubernetes PriorityClass of the pods."""
    image_pull_secrets: Annotated[tuple[Name, ...], Field(max_length=8)] = ()
    """Secrets that pull the image."""
    environment: Annotated[tuple[EnvironmentVariable, ...], Field(max_length=64)] = ()
    """Variables of the serving container."""


class Serving(ApiModel):
    """How replicas are run."""

    engine: EngineChoice = EngineChoice.AUTO
    """Engine, or Auto for whichever runs on the chip and plans best."""
    engines: Annotated[tuple[EngineSettings, ...], Field(max_length=16)] = ()
    """Image and extra arguments per engine."""
    shapes: Annotated[tuple[ShapeSpec, ...], Field(max_length=16)] = ()
    """Explicit shapes in order of preference; those that fit are found when the list is empty."""
    max_context_tokens: Annotated[int, Field(ge=128, le=100_000_000)] | None = None
    """Longest sequence to serve; the smaller of the model's and 32768 when unset."""
    overlay: PodOverlay = PodOverlay()
    """Additions to the pods."""


class Traffic(ApiModel):
    """What load to expect, used until real load is observed."""

    input_tokens: Annotated[int, Field(ge=1, le=10_000_000)]
    """Mean prompt length of a request."""
    output_tokens: Annotated[int, Field(ge=1, le=10_000_000)]
    """Mean number of tokens generated for a request."""
    requests_per_second: DecimalString
    """Mean request rate."""


class Objectives(ApiModel):
    """Latency that a placement must be able to hold."""

    time_to_first_token_milliseconds: Annotated[int, Field(ge=1, le=3_600_000)] | None = None
    """Mean time from request to first token."""
    inter_token_latency_milliseconds: Annotated[int, Field(ge=1, le=60_000)] | None = None
    """Mean time between two tokens of one request."""


class Scaling(ApiModel):
    """How capacity follows load."""

    min_replicas: Annotated[int, Field(ge=0, le=10_000)] = 1
    """Fewest replicas over all pools."""
    max_replicas: Annotated[int, Field(ge=0, le=10_000)] | None = None
    """Most replicas over all pools; 1000 when unset."""
    queue_depth_per_replica: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Waiting requests that one replica may hold before capacity is added; 4 when unset."""
    tokens_per_second_per_replica: Annotated[int, Field(ge=1, le=100_000_000)] | None = None
    """Most generated tokens per second counted on one replica; it lowers, never raises, what throughput facts say."""
    scale_down_delay_seconds: Annotated[int, Field(ge=0, le=86_400)] | None = None
    """How long less capacity must have sufficed before any is taken away; 300 when unset."""
