"""The ModelProfile: measured throughput of a model on an accelerator in a shape; it beats the estimate."""

from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from quartermaster.api.quantity import DecimalString
from quartermaster.api.rule import Rule
from quartermaster.api.v1alpha1.base import ApiModel, Name, ObjectMeta
from quartermaster.api.v1alpha1.enums import EngineName, Precision, ProfileOrigin
from quartermaster.api.v1alpha1.keys import object_name
from quartermaster.api.v1alpha1.workload import DataParallelism, ExpertParallelism, parallelism_rules


class ModelProfileSpec(ApiModel):
    """Coefficients of the iteration time ``α + n (β t_c + γ t_m)`` with a batch of n, and the limits of the batch.

    The optional fields refine it: experts, a part per request, and how the first token relates to an iteration.
    """

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
    data_parallelism: DataParallelism = 1
    """Ranks that each hold the whole attention and take requests of their own."""
    expert_parallelism: ExpertParallelism = 1
    """Chips over which the routed experts are spread whole."""
    alpha_seconds: DecimalString
    """Fixed time of one iteration."""
    beta_seconds_per_token: DecimalString
    """Compute time per token of the batch."""
    gamma_seconds_per_token: DecimalString
    """Memory time per token held in the KV cache."""
    expert_seconds: DecimalString | None = None
    """Time to read all routed experts of a mixture; a step takes the part that its batch meets."""
    sequence_seconds: DecimalString | None = None
    """Time of one step per request in the batch, whatever its tokens."""
    attention_seconds_per_token: DecimalString | None = None
    """Time of attention per token of a prompt, beyond betaSecondsPerToken."""
    tokens_per_step: DecimalString | None = None
    """Tokens that one step gives a request: above 1 with speculative decoding; 1 when absent."""
    request_seconds: DecimalString | None = None
    """Time until the first token spent once per request outside the batch."""
    prefill_step_factor: DecimalString | None = None
    """Iterations that a prompt waits for; 1 when absent."""
    prefill_weights_factor: DecimalString | None = None
    """Part of alphaSeconds and expertSeconds that a prompt adds; 0 when absent."""
    prefill_prompt_factor: DecimalString | None = None
    """Time of a prompt over the time of its tokens; 1 when absent."""
    prefill_seconds_per_request: DecimalString | None = None
    """Time until the first token per request in the batch."""
    max_batch_size: Annotated[int, Field(ge=1, le=65_536)]
    """Requests that run at once."""
    kv_capacity_tokens: Annotated[int, Field(ge=1, le=10_000_000_000)]
    """Tokens that the KV cache of one replica holds."""
    evidence: Annotated[str, StringConstraints(min_length=1, max_length=1024)]
    """How and when it was measured."""
    origin: ProfileOrigin = ProfileOrigin.STATED
    """Observed: proposed and updated by the operator from what replicas show. Stated: a person's, and it goes first."""

    rules: ClassVar[tuple[Rule, ...]] = (
        *parallelism_rules(),
        Rule(
            cel="self.alphaSeconds.matches('[1-9]')",
            wanted="alphaSeconds above 0, because no iteration is free",
            remedy="set alphaSeconds to the measured time of an iteration with a batch of one",
            holds=lambda spec: Decimal(spec.alpha_seconds) > 0,
            field="alphaSeconds",
            found=("alphaSeconds",),
        ),
        Rule(
            cel="!has(self.tokensPerStep) || !self.tokensPerStep.startsWith('0')",
            wanted="tokensPerStep of at least 1, because every step gives a token",
            remedy="set tokensPerStep to 1 plus the mean of the tokens that were accepted, or leave it out",
            holds=lambda spec: spec.tokens_per_step is None or not spec.tokens_per_step.startswith("0"),
            field="tokensPerStep",
            found=("tokensPerStep",),
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
