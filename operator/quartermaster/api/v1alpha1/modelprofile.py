"""The ModelProfile: measured throughput of a model on an accelerator in a shape; it beats the estimate."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from quartermaster.api.quantity import DecimalString
from quartermaster.api.v1alpha1.base import ApiModel, Name, ObjectMeta
from quartermaster.api.v1alpha1.enums import EngineName, Precision


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


class ModelProfile(ApiModel):
    """Measured throughput of a model on an accelerator in a shape."""

    api_version: Literal["quartermaster.dev/v1alpha1"] = "quartermaster.dev/v1alpha1"
    kind: Literal["ModelProfile"] = "ModelProfile"
    metadata: ObjectMeta
    spec: ModelProfileSpec
