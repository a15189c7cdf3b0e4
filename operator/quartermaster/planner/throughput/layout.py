"""How one replica is split over its chips, as far as it decides speed and memory. Values only; no formulas, no verdict.

A ``Shape`` says the parallelisms; whether the cache is of 8 bits is read from its arguments.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

from quartermaster.catalog.model import Model
from quartermaster.planner.fleet import Shape

_CACHE_TYPES = ("--kv-cache-dtype",)


@dataclass(frozen=True, slots=True)
class Layout:
    """The ranks of one replica."""

    tensor_parallelism: int = 1
    """Ranks that split each layer's attention."""
    pipeline_parallelism: int = 1
    data_parallelism: int = 1
    """Ranks that each hold the whole attention and a part of the requests; experts are split over all ranks."""
    has_expert_parallelism: bool = False
    """Experts lie whole on the ranks, and tokens travel to them."""
    cache_fraction: float = 1.0
    """Bytes of the KV cache per element over two: 0.5 for a cache of 8 bits."""

    @property
    def chips(self) -> int:
        """Chips of the replica."""
        return self.tensor_parallelism * self.pipeline_parallelism * self.data_parallelism

    @property
    def ranks(self) -> int:
        """Chips of one stage."""
        return self.tensor_parallelism * self.data_parallelism


@lru_cache(maxsize=4096)
def layout_of(shape: Shape) -> Layout:
    """Return how a replica of the shape is split; arguments that nobody knows change nothing."""
    named = _named(shape.args)
    quantised = any(named.get(name, "").startswith(("fp8", "int8")) for name in _CACHE_TYPES)
    return Layout(
        shape.tensor_parallelism,
        shape.pipeline_parallelism,
        shape.data_parallelism,
        shape.expert_parallelism > 1,
        0.5 if quantised else 1.0,
    )


def settled(layout: Layout, model: Model) -> Layout:
    """Return the layout that an engine can run: heads that do not split evenly make attention data-parallel."""
    heads = model.query_heads
    if layout.data_parallelism > 1 or layout.tensor_parallelism == 1 or not heads or model.experts is None:
        return layout
    if heads % layout.tensor_parallelism == 0:
        return layout
    return replace(
        layout, tensor_parallelism=1, data_parallelism=layout.tensor_parallelism, has_expert_parallelism=True
    )


def _named(args: tuple[str, ...]) -> dict[str, str]:
    """Return arguments by name, written as ``--name=value`` or as ``--name value``."""
    found: dict[str, str] = {}
    for place, arg in enumerate(args):
        if arg.startswith("--"):
            name, given, value = arg.partition("=")
            after = args[place + 1] if place + 1 < len(args) and not args[place + 1].startswith("-") else ""
            found[name] = value if given else after
    return found
