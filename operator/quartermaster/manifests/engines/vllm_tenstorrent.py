"""vLLM on Tenstorrent cards (tt-inference-server).

The image's entry point takes a model that its release knows and the name of the board, and finds every other setting
itself. Source: tt-inference-server documentation, "Container interface", read 2026-11-21.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from quartermaster.manifests.engines.launch import Launch
from quartermaster.manifests.engines.require import refuse_conversion, require_repository
from quartermaster.manifests.errors import ManifestError
from quartermaster.manifests.replica import Replica
from quartermaster.manifests.weights import Weights

_BOARD_BY_ACCELERATOR_AND_CARDS: Final[Mapping[tuple[str, int], str]] = MappingProxyType(
    {
        ("tenstorrent-n300", 1): "n300",
        ("tenstorrent-n300", 4): "t3k",
        ("tenstorrent-p150", 1): "p150",
        ("tenstorrent-p150", 4): "p150x4",
        ("tenstorrent-p150", 8): "p150x8",
    }
)


def launch(replica: Replica, weights: Weights) -> Launch:
    """Return how vLLM serves the replica on Tenstorrent cards.

    Raises:
        ManifestError: the weights are no repository or in another format, or no board has so many cards.
    """
    require_repository(replica, weights)
    refuse_conversion(replica, weights)
    board = _BOARD_BY_ACCELERATOR_AND_CARDS.get((replica.accelerator.name, replica.chips))
    if board is None:
        raise ManifestError(
            "ShapeNotSupported",
            f"wanted a board of {replica.accelerator.name}, found {replica.chips} cards: use a shape of 1, 4 or 8 cards"
            " that the maker sells as one board",
        )
    args = (*replica.extra_arguments, f"--model={weights.argument}", f"--tt-device={board}")
    return Launch((), args, (("CACHE_ROOT", "/cache/tenstorrent"),), compile_seconds=3600)
