"""The ModelProfile: measured throughput of a model on an accelerator in a shape; it beats the estimate."""

from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from quartermaster.api.quantity import DecimalString
from quartermaster.api.rule import Rule
from quartermaster.api.v1alpha1.base import ApiModel, Name, ObjectMeta
from quartermaster.api.v1alpha1.enums import EngineName, Precision
from quartermaster.api.v1alpha1.keys import object_name
from quartermaster.api.v1alpha1.workload import chips_within_bound


class ModelProfileSpec(ApiModel):
    """Coefficients of the iteration time ``α + n (β t_c + γ t_m)`` with a batch of n, and the limits of the batch."""

    model: Name
    """Name of the model."""
    accelerator: Name
    """Catalog name of the accelerator."""
    engine: EngineName
    """Engine that was measured."""
    precision: Precision
    """Number format of the weights."""
    tensor_parallelism: Annotated[int, Field(ge=1, le=128)] = 1
    """Chips over which each layer is split."""
    pipeline_parallelism: Annotated[int, Field(ge=1, le=64)] = 1
    """Stages into which the layers are divided."""
    alpha_seconds: DecimalString
    """Fixed time of one iteration."""
    beta_seconds_per_token: DecimalString
    """Compute time per token of the batch."""
    gamma_seconds_per_token: DecimalString
    """Memory time per token held in the KV cache."""
    max_batch_size: Annotated[int, Field(ge=1, le=65_536)]
    """Requests that run at once."""
    kv_capacity_tokens: Annotated[int, Field(ge=1, le=10_000_000_000)]
    """Tokens that the KV cache of one replica holds."""
    evidence: Annotated[str, StringConstraints(min_length=1, max_length=1024)]
    """How and when it was measured."""

    rules: ClassVar[tuple[Rule, ...]] = (
        chips_within_bound(),
        Rule(
            cel="self.alphaSeconds.matches('[1-9]')",
            wanted="alphaSeconds above 0, because no iteration is free",
            remedy="set alphaSeconds to the measured time of an iteration with a batch of one",
            holds=lambda spec: Decimal(spec.alpha_seconds) > 0,
            field="alphaSeconds",
            found=("alphaSeconds",),
        ),
        Rule(
            cel="self.kvCapacityTokens >= self.maxBatchSize",
            wanted="kvCapacityTokens of at least maxBatchSize, because every request holds a token",
            remedy="raise kvCapacityTokens or lower maxBatchSize",
            holds=lambda spec: spec.kv_capacity_tokens >= spec.max_batch_size,
            field="kvCapacityTokens",
            found=("kvCapacityTokens", "maxBatchSize"),
        ),
    )


class ModelProfile(ApiModel):
    """Measured throughput of a model on an accelerator in a shape; it beats the estimate."""

    api_version: Literal["quartermaster.dev/v1alpha1"] = "quartermaster.dev/v1alpha1"
    kind: Literal["ModelProfile"] = "ModelProfile"
    metadata: ObjectMeta
    spec: ModelProfileSpec
    """What was measured."""

    rules: ClassVar[tuple[Rule, ...]] = (object_name(max_characters=253, why="it is an object's name"),)
