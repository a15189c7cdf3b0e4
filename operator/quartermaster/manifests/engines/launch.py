"""How an engine is started: the value that every engine's file returns. Types only."""

from dataclasses import dataclass
from typing import Final

MODEL_STREAMER: Final = "runai_streamer"
"""Load format that reads safetensors straight from a bucket, in vLLM and in SGLang."""


@dataclass(frozen=True, slots=True)
class Launch:
    """The engine's part of the serving container."""

    command: tuple[str, ...]
    """Empty where the image's own entry point is the documented way in."""
    args: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    health_path: str = "/health"
    is_root_read_only: bool = False
    """Whether the engine leaves its root file system alone; caches and /tmp are volumes in any case."""
    compile_seconds: int = 0
    """Time that it may take to compile for the chip, besides loading weights."""
