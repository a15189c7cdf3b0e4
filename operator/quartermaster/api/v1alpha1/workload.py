"""What an InferenceDeployment serves, and how: model, serving, traffic, objectives, scaling."""

import json
from typing import Annotated, Any, ClassVar, Final

from pydantic import Field, StringConstraints

from quartermaster.api.collection import ATOMIC, BY_NAME, GRANULAR_MAP, SET
from quartermaster.api.quantity import DecimalString
from quartermaster.api.rule import Rule, pattern
from quartermaster.api.v1alpha1.arguments import Argument, EnvironmentVariable, Image, Source
from quartermaster.api.v1alpha1.base import LABEL_KEY_PATTERN, ApiModel, LabelValue, Name
from quartermaster.api.v1alpha1.enums import EngineChoice, EngineName, Precision
from quartermaster.api.v1alpha1.keys import all_keys_match, no_own_keys

DEFAULT_MAX_REPLICAS: Final = 1000
"""Most replicas of a deployment that does not say ``maxReplicas``."""

MAX_CHIPS_PER_REPLICA: Final = 1024

EXPERT_ENGINES: Final = (EngineName.VLLM, EngineName.SGLANG, EngineName.TENSORRT_LLM)
"""Engines that we start with expert parallelism and with data-parallel attention."""

_EXPERT_ENGINES: Final = tuple(engine.value for engine in EXPERT_ENGINES)
_TENSOR, _PIPELINE, _DATA, _EXPERT = (
    f"(has(self.{name}) ? self.{name} : 1)"
    for name in ("tensorParallelism", "pipelineParallelism", "dataParallelism", "expertParallelism")
)

ShapeName = Annotated[
    str,
    # With engine, precision and parallelism behind it, the name must still fit a label value of 63 characters.
    StringConstraints(min_length=1, max_length=28),
    pattern(
        "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        wanted="a shape's name of lower-case letters, digits and '-'",
        remedy="write it such as h200-pair, because it becomes part of a label",
    ),
]

DataParallelism = Annotated[int, Field(ge=1, le=128)]
ExpertParallelism = Annotated[int, Field(ge=1, le=MAX_CHIPS_PER_REPLICA)]

PodLabels = Annotated[
    dict[str, LabelValue],
    Field(max_length=32, json_schema_extra=GRANULAR_MAP),
    all_keys_match(LABEL_KEY_PATTERN, what="label", example="example.com/team"),
    no_own_keys("label"),
]

PodAnnotations = Annotated[
    dict[str, Annotated[str, StringConstraints(max_length=4096)]],
    Field(max_length=32, json_schema_extra=GRANULAR_MAP),
    all_keys_match(LABEL_KEY_PATTERN, what="annotation", example="example.com/contact"),
    no_own_keys("annotation"),
]


def parallelism_rules() -> tuple[Rule, ...]:
    """Return the rules among the parallelisms and the engine of a replica; for anything that states them."""
    return (
        Rule(
            cel=f"{_TENSOR} * {_PIPELINE} * {_DATA} <= {MAX_CHIPS_PER_REPLICA}",
            wanted=(
                f"at most {MAX_CHIPS_PER_REPLICA} chips per replica, tensorParallelism times pipelineParallelism times"
                " dataParallelism"
            ),
            remedy="lower tensorParallelism, pipelineParallelism or dataParallelism",
            holds=lambda shape: (
                shape.tensor_parallelism * shape.pipeline_parallelism * shape.data_parallelism <= MAX_CHIPS_PER_REPLICA
            ),
            field="pipelineParallelism",
            found=("tensorParallelism", "pipelineParallelism", "dataParallelism"),
        ),
        Rule(
            cel=f"{_EXPERT} == 1 || {_EXPERT} == {_TENSOR} * {_DATA}",
            wanted=(
                "expertParallelism of 1, or of all chips that share a layer, which are tensorParallelism times"
                " dataParallelism"
            ),
            remedy="set expertParallelism to tensorParallelism times dataParallelism, or leave it out",
            holds=lambda shape: shape.expert_parallelism in {1, shape.tensor_parallelism * shape.data_parallelism},
            field="expertParallelism",
            found=("expertParallelism", "tensorParallelism", "dataParallelism"),
        ),
        Rule(
            cel=(
                f"!has(self.engine) || self.engine in {json.dumps(_EXPERT_ENGINES)} || ({_EXPERT} == 1 && {_DATA} == 1)"
            ),
            wanted=f"expertParallelism and dataParallelism with an engine that has them: {', '.join(_EXPERT_ENGINES)}",
            remedy="remove them, or choose such an engine",
            holds=lambda shape: (
                shape.engine is None
                or shape.engine in EXPERT_ENGINES
                or shape.expert_parallelism * shape.data_parallelism == 1
            ),
            field="engine",
            found=("engine", "expertParallelism", "dataParallelism"),
        ),
    )


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

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.activeParameters) || self.activeParameters <= self.parameters",
            wanted="activeParameters of at most parameters",
            remedy="lower activeParameters to the weights used per token, or leave it out for a dense model",
            holds=lambda facts: facts.active_parameters is None or facts.active_parameters <= facts.parameters,
            field="activeParameters",
            found=("activeParameters", "parameters"),
        ),
    )


class ModelReference(ApiModel):
    """The model: a name of the catalog, or facts given inline; with the place of its weights."""

    name: Name
    """Name of the model: an entry of the catalog, unless facts are given. Also the served model name."""
    facts: ModelFacts | None = None
    """Facts of a model that the catalog does not hold."""
    source: Source | None = None
    """Where the weights come from: hf://, oci://, s3://, gs:// or pvc://. The catalog's repository when unset."""
    precision: Precision | None = None
    """Number format to serve in; the published one when unset."""


class EngineSettings(ApiModel):
    """Image and extra arguments of one engine."""

    name: EngineName
    """The engine that these settings are for."""
    image: Image | None = None
    """Container image; the catalog's when unset."""
    args: Annotated[tuple[Argument, ...], Field(max_length=64), ATOMIC] = ()
    """Arguments added after those that Quartermaster writes."""


class ShapeSpec(ApiModel):
    """One explicit way of running a replica."""

    name: ShapeName
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
    data_parallelism: DataParallelism = 1
    """Ranks that each hold the whole attention and take requests of their own; for a mixture of experts.

    Each rank is tensorParallelism chips; the routed experts are shared by all of them.
    """
    expert_parallelism: ExpertParallelism = 1
    """Chips over which the routed experts are spread whole; 1 splits each expert over all chips that share a layer."""
    args: Annotated[tuple[Argument, ...], Field(max_length=64), ATOMIC] = ()
    """Arguments added for this shape."""

    rules: ClassVar[tuple[Rule, ...]] = parallelism_rules()


class PodOverlay(ApiModel):
    """The few things of a pod that a deployment may add."""

    labels: PodLabels = {}
    """Labels added to pods; those of Quartermaster cannot be overwritten."""
    annotations: PodAnnotations = {}
    """Annotations added to pods."""
    service_account_name: Name | None = None
    """ServiceAccount of the pods; the namespace's default when unset."""
    priority_class_name: Name | None = None
    """Kubernetes PriorityClass of the pods."""
    image_pull_secrets: Annotated[tuple[Name, ...], Field(max_length=8), SET] = ()
    """Secrets that pull the image."""
    environment: Annotated[tuple[EnvironmentVariable, ...], Field(max_length=64), BY_NAME] = ()
    """Variables of the serving container."""


def _shape_engines_agree(serving: Any) -> bool:
    return serving.engine == EngineChoice.AUTO or all(
        shape.engine is None or shape.engine.value == serving.engine.value for shape in serving.shapes
    )


class Serving(ApiModel):
    """How replicas are run."""

    engine: EngineChoice = EngineChoice.AUTO
    """Engine, or Auto for whichever runs on the chip and plans best."""
    engines: Annotated[tuple[EngineSettings, ...], Field(max_length=len(EngineName)), BY_NAME] = ()
    """Image and extra arguments per engine."""
    shapes: Annotated[tuple[ShapeSpec, ...], Field(max_length=16), BY_NAME] = ()
    """Explicit shapes in order of preference; those that fit are found when the list is empty."""
    max_context_tokens: Annotated[int, Field(ge=128, le=100_000_000)] | None = None
    """Longest sequence to serve; the smaller of the model's and 32768 when unset."""
    overlay: PodOverlay = PodOverlay()
    """Additions to the pods."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=(
                "!has(self.engine) || self.engine == 'Auto' || !has(self.shapes)"
                " || self.shapes.all(shape, !has(shape.engine) || shape.engine == self.engine)"
            ),
            wanted="shapes of the engine that serving.engine names",
            remedy="set engine to Auto, or remove engine from the shapes that name another",
            holds=_shape_engines_agree,
            field="shapes",
            found=("engine",),
        ),
    )


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

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=(
                f"(has(self.maxReplicas) ? self.maxReplicas : {DEFAULT_MAX_REPLICAS})"
                " >= (has(self.minReplicas) ? self.minReplicas : 1)"
            ),
            wanted=f"maxReplicas ({DEFAULT_MAX_REPLICAS} when unset) of at least minReplicas (1 when unset)",
            remedy="raise maxReplicas or lower minReplicas",
            holds=lambda scaling: (
                (DEFAULT_MAX_REPLICAS if scaling.max_replicas is None else scaling.max_replicas) >= scaling.min_replicas
            ),
            field="maxReplicas",
            found=("maxReplicas", "minReplicas"),
        ),
    )
