"""The model: its shape, size and terms, as far as they decide where it fits and how fast it runs. Types only.

Formulas (config.json names in brackets):
    kv bytes per token, grouped-query attention = 2 · growing layers · kv_heads · head_dimension · 2 bytes
    kv bytes per token, multi-head latent attention = growing layers · (kv_lora_rank + rope_dimension) · 2 bytes
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from quartermaster.catalog.facts import Provenance
from quartermaster.catalog.vocabulary import EngineName, Precision

BYTES_PER_PARAMETER: Mapping[Precision, float] = {
    # Two bytes, exactly: Llama 3.1 8B is 14.96 GiB for 8.03e9 parameters (KAITO catalog, 2026-08-21).
    Precision.BF16: 2.0,
    # One byte, block scales, and the layers left in bf16: DeepSeek V3 0324 is 641.3 GiB for 671e9, 1.026 (same source).
    Precision.FP8: 1.03,
    Precision.INT8: 1.03,
    # Kimi K2.6 int4 0.595, DeepSeek V4 Flash 0.588, Nemotron 3 Ultra NVFP4 0.641 bytes per parameter (same source).
    Precision.FP4: 0.625,
    Precision.INT4: 0.625,
}
"""Stored bytes per parameter where the size of a checkpoint was not read, mixed-precision layers included."""


@dataclass(frozen=True, slots=True)
class LatentAttention:
    """Multi-head latent attention: its cache is replicated, not split, among tensor-parallel ranks."""

    kv_lora_rank: int
    rope_dimension: int


@dataclass(frozen=True, slots=True)
class Experts:
    """The routed experts of a mixture; shared ones are met by every token and counted with the rest of the model."""

    count: int
    """Experts in one layer."""
    per_token: int
    """Experts that one token meets in one layer."""
    hidden: int
    """Width of one expert, which is three matrices of this by the model's hidden size."""
    layers: int
    """Layers that have experts."""


@dataclass(frozen=True, slots=True)
class UnsupportedAccelerator:
    """A pair of model and accelerator that an engine states not to support."""

    accelerator: str
    engine: EngineName
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Model:
    """One published model. What no source states is None, or missing from a mapping.

    ``provenance_by_field`` is keyed by the names of the fields below.
    """

    name: str
    repository: str
    """Owner and name on Hugging Face."""
    developer: str
    developer_country: str
    """ISO 3166; unverified for every model, so it never decides a rule by itself."""
    parameters: int
    active_parameters: int | None
    """Parameters read per token: all of them for a dense model."""
    layers: int | None
    hidden_size: int | None
    query_heads: int | None
    kv_heads: int | None
    head_dimension: int | None
    attention: str
    mla: LatentAttention | None
    kv_bytes_per_token: int | None
    """Growth of the cache per token of context with a 16-bit cache; an 8-bit cache halves it."""
    context_tokens: int
    native_precision: Precision
    published_precisions: tuple[Precision, ...]
    weights_bytes_by_precision: Mapping[Precision, int] = field(hash=False)
    """Size of the checkpoints that were read; use ``weights_bytes`` for the others."""
    minimum_memory_bytes_by_precision: Mapping[Precision, int] = field(hash=False)
    """Floor that vLLM's recipes state for weights and overhead together."""
    licence: str | None
    is_gated: bool
    experts: Experts | None = None
    """None for a dense model, and for a mixture whose experts no source states."""
    window_tokens: int | None = None
    """Tokens that the layers with a sliding window see; the growing layers are those that the cache counts."""
    sparse_tokens: int | None = None
    """Tokens of the context that sparse attention reads at most per step."""
    alike: tuple[str, ...] = ()
    """Other repositories of the same architecture and size."""
    unsupported: tuple[UnsupportedAccelerator, ...] = ()
    verified_accelerators: tuple[str, ...] = ()
    """Accelerators that vLLM's recipes list as tried; absence says nothing."""
    provenance_by_field: Mapping[str, Provenance] = field(default_factory=dict, hash=False)
    notes: tuple[str, ...] = ()

    def weights_bytes(self, precision: Precision) -> int:
        """Return the size of the checkpoint where one was read, otherwise an estimate from the parameters."""
        stated = self.weights_bytes_by_precision.get(precision)
        return round(self.parameters * BYTES_PER_PARAMETER[precision]) if stated is None else stated

    def unsupported_on(self, accelerator: str, engine: EngineName) -> UnsupportedAccelerator | None:
        """Return the statement that this engine does not run the model on this accelerator, if there is one."""
        return next((u for u in self.unsupported if (u.accelerator, u.engine) == (accelerator, engine)), None)
