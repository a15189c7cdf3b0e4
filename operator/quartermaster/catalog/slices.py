"""TPU slices: chips wired into one grid, taken whole, on one node or on all nodes of a node pool.

Source: GKE documentation, plan TPUs on GKE: a multi-host node pool holds exactly one slice; read 2026-11-21.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

TPU_RESOURCE = "google.com/tpu"
TPU_ACCELERATOR = "cloud.google.com/gke-tpu-accelerator"
TPU_TOPOLOGY = "cloud.google.com/gke-tpu-topology"
NODE_POOL = "cloud.google.com/gke-nodepool"


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice as a node of it shows it."""

    name: str
    """The node pool for a slice of several hosts, the node itself for a slice of one."""
    topology: str
    chips: int
    chips_per_host: int
    hosts: int


def topology_chips(topology: str) -> int:
    """Return the chips of a grid: ``2x4`` → 8, ``2x2x2`` → 8.

    Raises:
        ValueError: the text is not one to three positive integers with ``x`` between them.
    """
    sides = topology.split("x")
    if not 1 <= len(sides) <= 3 or not all(side.isascii() and side.isdigit() and int(side) > 0 for side in sides):  # noqa: PLR2004 - grids have up to three dimensions
        raise ValueError(f"wanted a TPU topology such as 2x4 or 2x2x2, found {topology!r}; see {TPU_TOPOLOGY}")
    return math.prod(int(side) for side in sides)


def slice_of(labels: Mapping[str, str], capacity: Mapping[str, int], node_name: str) -> Slice | None:
    """Return the slice that the node belongs to, or None when it offers no TPU or its topology cannot be read."""
    chips_per_host = capacity.get(TPU_RESOURCE, 0)
    if chips_per_host <= 0 or TPU_ACCELERATOR not in labels:
        return None
    topology = labels.get(TPU_TOPOLOGY)
    try:
        chips = topology_chips(topology) if topology else chips_per_host
    except ValueError:
        return None
    hosts = max(1, math.ceil(chips / chips_per_host))
    pool = labels.get(NODE_POOL)
    name = pool if hosts > 1 and pool else node_name
    return Slice(name=name, topology=topology or str(chips), chips=chips, chips_per_host=chips_per_host, hosts=hosts)
