"""TPU slices: how many chips and hosts they have, and which nodes belong together."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quartermaster.catalog.locality import ZONE
from quartermaster.catalog.slices import slice_of, topology_chips
from tests.lab.fleet import nodes


@pytest.mark.parametrize(
    ("topology", "chips"), [("1x1", 1), ("2x4", 8), ("16x16", 256), ("2x2x1", 4), ("4x4x8", 128), ("8", 8)]
)
def test_the_chips_of_a_grid_are_the_product_of_its_sides(topology: str, chips: int) -> None:
    """2D for v5e and v6e, 3D for v4, v5p and 7x."""
    assert topology_chips(topology) == chips


@given(st.lists(st.integers(min_value=1, max_value=99), min_size=1, max_size=3))
def test_any_grid_of_up_to_three_sides_is_read(sides: list[int]) -> None:
    """The text form is the sides with x between them."""
    assert topology_chips("x".join(map(str, sides))) == math.prod(sides)


@pytest.mark.parametrize("topology", ["", "x", "2x", "0x4", "2x-4", "axb", "2x2x2x2", "²x2", "2 x 4"])
def test_a_text_that_is_no_grid_is_refused(topology: str) -> None:
    """The error shows what a topology looks like."""
    with pytest.raises(ValueError, match="such as 2x4"):
        topology_chips(topology)


def test_a_slice_of_one_host_is_the_node_itself() -> None:
    """Each node of such a pool can be taken alone."""
    found = [
        slice_of(n["metadata"]["labels"], {"google.com/tpu": 8}, n["metadata"]["name"])
        for n in nodes(accelerator="google-tpu-v6e", platform="gke", region="us-east5", count=2)
    ]
    assert [(s.chips, s.hosts) for s in found if s] == [(8, 1), (8, 1)]
    assert len({s.name for s in found if s}) == 2


def test_a_slice_of_several_hosts_is_its_node_pool() -> None:
    """All of its nodes carry the same slice, in one zone; a second slice is another pool."""
    made = nodes(accelerator="google-tpu-v6e", platform="gke", region="us-east5", chips=4, topology="4x4", count=2)
    assert len(made) == 8
    found = [slice_of(n["metadata"]["labels"], {"google.com/tpu": 4}, n["metadata"]["name"]) for n in made]
    assert {(s.chips, s.hosts, s.chips_per_host) for s in found if s} == {(16, 4, 4)}
    assert len({s.name for s in found if s}) == 2
    zones = {(s.name, n["metadata"]["labels"][ZONE]) for s, n in zip(found, made, strict=True) if s}
    assert len(zones) == 2


def test_a_node_without_tpus_or_with_an_unreadable_topology_has_no_slice() -> None:
    """Labels are written by others: they never raise here."""
    labels = {"cloud.google.com/gke-tpu-accelerator": "tpu-v6e-slice", "cloud.google.com/gke-tpu-topology": "big"}
    assert slice_of(labels, {"google.com/tpu": 4}, "n") is None
    assert slice_of({}, {"nvidia.com/gpu": 8}, "n") is None
    assert slice_of(labels, {}, "n") is None
