"""Counting replicas on hosts, seating what runs, packing what is planned."""

import itertools
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from quartermaster.api.v1alpha1.enums import EngineName, Precision
from quartermaster.planner.fleet import Shape
from quartermaster.planner.limit import chips_of
from quartermaster.planner.pack import unseated
from quartermaster.planner.room import Tenants, available, free_replicas, is_chain, places_in, seats
from tests.planner.builders import TPU_V6E, host, hosts, pool


def test_a_replica_sits_in_one_host() -> None:
    """Four and four free chips are no eight."""
    here = [host("a", 8, available_chips=4), host("b", 8, available_chips=4)]
    assert places_in(here, 8, chips=available) == 0
    assert places_in(here, 4, chips=available) == 2


def test_a_slice_is_free_only_when_all_of_it_is() -> None:
    """Whole, of exactly the asked size, in one node."""
    slices = [
        host("free", 8, is_whole=True),
        host("taken", 8, is_whole=True, available_chips=4),
        host("large", 16, is_whole=True, nodes=2),
    ]
    assert places_in(slices, 8, chips=available) == 1
    assert places_in(slices, 4, chips=available) == 0
    assert places_in(slices, 16, chips=available) == 0


def test_free_replicas_count_chips_that_nobody_holds() -> None:
    """Chips that ours hold are available to a plan, not to the next second."""
    here = pool(nodes=[host("a", 8, available_chips=8, free_chips=3), host("b", 8)])
    assert free_replicas(here, Shape(EngineName.VLLM, Precision.BF16, 2)) == 1 + 4


def test_running_replicas_are_seated_where_ours_hold_chips() -> None:
    """The largest first, where they fit most closely; those without a seat have not started."""
    here = pool(nodes=[host("a", 8, free_chips=4), host("b", 8, free_chips=0), host("c", 8)])
    assert seats(here, Tenants(loose=Counter({4: 1, 8: 1}))) == {"a": [4], "b": [8], "c": []}
    assert seats(here, Tenants(loose=Counter({8: 2}))) == {"a": [], "b": [8], "c": []}


def test_replicas_whose_host_is_known_sit_there() -> None:
    """Whatever else would fit more closely; a host that is gone seats nobody."""
    here = pool(nodes=[host("a", 8, free_chips=0), host("b", 8, free_chips=4)])
    known = Tenants((("a", 4), ("gone", 4)), Counter({4: 2}))
    assert seats(here, known) == {"a": [4, 4], "b": [4]}


def test_what_runs_stands_in_the_way_of_something_larger() -> None:
    """Twelve free chips in two halves hold no eight, although eight and four would fit after a move."""
    here = pool(nodes=[host("a", 8, free_chips=4), host("b", 8, free_chips=4)])
    running = Tenants(loose=Counter({4: 2}))
    assert unseated(here, [(8, ""), (4, ""), (4, "")], running) == [(8, "")]
    assert unseated(here, [(4, "")] * 4, running) == []
    assert unseated(here, [(8, ""), (4, "")], running) == []


def test_a_replica_bound_to_a_zone_sits_there_or_nowhere() -> None:
    """Room elsewhere does not help."""
    here = pool(nodes=[host("a", 8, zone="a"), host("b", 8, zone="b")])
    assert unseated(here, [(8, "a"), (8, "a")], Tenants()) == [(8, "a")]
    assert unseated(here, [(8, "a"), (8, "b")], Tenants()) == []


def test_slices_are_packed_whole() -> None:
    """Two slices, two replicas."""
    here = pool(chip=TPU_V6E, nodes=hosts(2, 8, is_whole=True))
    assert unseated(here, [(8, ""), (8, "")], Tenants()) == []
    assert unseated(here, [(8, "")] * 3, Tenants()) == [(8, "")]


def test_sizes_that_divide_one_another_are_a_chain() -> None:
    """Powers of two are; three and four are not."""
    assert is_chain([8, 1, 4, 4])
    assert not is_chain([4, 3])


def test_a_shape_key_tells_its_chips() -> None:
    """All parallelisms but that of experts, multiplied."""
    assert chips_of(Shape(EngineName.VLLM, Precision.FP8, 4, 2, name="my-tp3").key) == 8
    assert chips_of(Shape(EngineName.SGLANG, Precision.BF16, 1).key) == 1
    wide = Shape(EngineName.VLLM, Precision.FP8, 2, 2, 4, 8, name="my-tp3")
    assert wide.key == "my-tp3-vllm-fp8-tp2-pp2-dp4-ep"
    assert chips_of(wide.key) == wide.chips == 16
    assert chips_of("external") == 0


@given(
    st.lists(st.integers(0, 8), min_size=1, max_size=5),
    st.lists(st.sampled_from([1, 2, 4, 8]), max_size=12),
)
def test_the_rows_hold_exactly_when_the_replicas_can_be_packed(room: list[int], sizes: list[int]) -> None:
    """For sizes that divide one another, counting and packing agree."""
    here = pool(nodes=[host(f"n{i}", 8, available_chips=chips) for i, chips in enumerate(room)])
    holds = all(
        sum(s for s in sizes if s >= size) <= size * places_in(here.hosts, size, chips=available) for size in set(sizes)
    )
    assert holds == (unseated(here, [(size, "") for size in sizes], Tenants()) == [])


@given(st.lists(st.sampled_from([1, 2, 4]), max_size=6), st.lists(st.integers(1, 8), min_size=1, max_size=3))
def test_packing_never_exceeds_a_host(sizes: list[int], room: list[int]) -> None:
    """However much is asked for, what has a seat fits."""
    here = pool(nodes=[host(f"n{i}", 8, available_chips=chips) for i, chips in enumerate(room)])
    left = unseated(here, [(size, "") for size in sizes], Tenants())
    placed = Counter(sizes) - Counter(size for size, _ in left)
    best = 0
    for split in itertools.product(range(len(room)), repeat=sum(placed.values())):
        used = [0] * len(room)
        for where, size in zip(split, placed.elements(), strict=True):
            used[where] += size
        best = max(best, all(u <= r for u, r in zip(used, room, strict=True)))
    assert best == 1
