"""Counting replicas on hosts, seating what runs, packing what is planned."""

import itertools
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from quartermaster.api.v1alpha1.enums import EngineName, Precision
from quartermaster.planner.fleet import Key, Pool, Shape
from quartermaster.planner.hosts.pack import Party, unseated
from quartermaster.planner.posing.limit import chips_of
from quartermaster.planner.room import Owner, Tenants, available, free_replicas, is_chain, places_in, seats
from tests.planner.builders import TPU_V6E, host, hosts, pool


def owner(chips: int, name: str = "chat", *, zone: str = "") -> Owner:
    """Return the owner of replicas of so many chips, in one zone or in any."""
    return Owner(Key("default", name), f"vllm-bf16-tp{chips}", chips, zone)


def left(
    here: Pool, parties: list[Party], tenants: Tenants | None = None, *, is_sure: bool = True
) -> list[tuple[int, str]]:
    """Return chips and zone of those that find no host."""
    found = unseated(here, parties, tenants or Tenants(), is_sure=is_sure)
    return [(one.chips, one.zone) for one in found]


def parties(sizes: list[int]) -> list[Party]:
    """Return new replicas of these sizes."""
    return [Party(owner(size), count) for size, count in Counter(sizes).items()]


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
    four, eight = owner(4), owner(8)
    assert seats(here, Tenants(loose=Counter({four: 1, eight: 1}))) == {"a": [four], "b": [eight], "c": []}
    assert seats(here, Tenants(loose=Counter({eight: 2}))) == {"a": [], "b": [eight], "c": []}


def test_replicas_whose_host_is_known_sit_there() -> None:
    """Whatever else would fit more closely; a host that is gone seats nobody."""
    here = pool(nodes=[host("a", 8, free_chips=0), host("b", 8, free_chips=4)])
    four = owner(4)
    known = Tenants((("a", four), ("gone", four)), Counter({four: 2}))
    assert seats(here, known) == {"a": [four, four], "b": [four]}


def test_what_runs_stands_in_the_way_of_something_larger() -> None:
    """Twelve free chips in two halves hold no eight, although eight and four would fit after a move."""
    here = pool(nodes=[host("a", 8, free_chips=4), host("b", 8, free_chips=4)])
    running = Tenants((("a", owner(4)), ("b", owner(4))))
    assert left(here, [Party(owner(8), 1), Party(owner(4), 2)], running) == [(8, "")]
    assert left(here, [Party(owner(4), 4)], running) == []
    assert left(here, [Party(owner(8), 1), Party(owner(4), 1)], running) == []


def test_what_runs_stays_where_it_is_though_it_could_be_anywhere() -> None:
    """The chips in the zone are held by another deployment, which nobody moves; only if it leaves there is room."""
    here = pool(nodes=[host("a", 4, zone="a", free_chips=0), host("b", 4, zone="b")])
    other, running = owner(4, "other"), Tenants((("a", owner(4, "other")),))
    wanted = Party(owner(4, "tied", zone="a"), 1)
    assert left(here, [wanted, Party(other, 1)], running) == [(4, "a")]
    assert left(here, [wanted], running) == []
    assert left(here, [Party(owner(4, "tied", zone="b"), 1), Party(other, 1)], running) == []


def test_a_replica_that_leaves_a_zone_makes_room_there_for_others() -> None:
    """One of two moves to the other zone; who stays keeps its seat, and no more than its seat."""
    here = pool(nodes=[host("a", 8, zone="a", free_chips=0), host("b", 8, zone="b")])
    ours, there, other = owner(4, zone="a"), owner(4, zone="b"), owner(4, "other", zone="a")
    running = Tenants((("a", ours), ("a", ours)))
    assert left(here, [Party(ours, 1), Party(there, 1), Party(other, 1)], running) == []
    assert left(here, [Party(ours, 2), Party(other, 1)], running) == [(4, "a")]
    assert left(here, [Party(ours, 1), Party(there, 2), Party(other, 1)], running) == []
    assert left(here, [Party(ours, 1), Party(there, 3)], running) == [(4, "b")]


def test_a_plan_is_sure_only_where_it_does_not_matter_who_leaves() -> None:
    """One of two leaves; whether that makes room in the zone is up to its ReplicaSet."""
    here = pool(nodes=[host("a", 4, zone="a", free_chips=0), host("b", 4, zone="b", free_chips=0)])
    other = owner(4, "other")
    running = Tenants((("a", other), ("b", other)))
    planned = [Party(other, 1), Party(owner(4, "tied", zone="a"), 1)]
    assert left(here, planned, running) == [(4, "a")]
    assert left(here, planned, running, is_sure=False) == []
    assert left(here, [Party(other, 1), Party(owner(4, "free"), 1)], running) == []


def test_a_replica_bound_to_a_zone_sits_there_or_nowhere() -> None:
    """Room elsewhere does not help."""
    here = pool(nodes=[host("a", 8, zone="a"), host("b", 8, zone="b")])
    assert left(here, [Party(owner(8, zone="a"), 2)]) == [(8, "a")]
    assert left(here, [Party(owner(8, zone="a"), 1), Party(owner(8, zone="b"), 1)]) == []


def test_slices_are_packed_whole() -> None:
    """Two slices, two replicas."""
    here = pool(chip=TPU_V6E, nodes=hosts(2, 8, is_whole=True))
    assert left(here, [Party(owner(8), 2)]) == []
    assert left(here, [Party(owner(8), 3)]) == [(8, "")]


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
    assert holds == (left(here, parties(sizes)) == [])


@given(st.lists(st.sampled_from([1, 2, 4]), max_size=6), st.lists(st.integers(1, 8), min_size=1, max_size=3))
def test_packing_never_exceeds_a_host(sizes: list[int], room: list[int]) -> None:
    """However much is asked for, what has a seat fits."""
    here = pool(nodes=[host(f"n{i}", 8, available_chips=chips) for i, chips in enumerate(room)])
    placed = Counter(sizes) - Counter(size for size, _ in left(here, parties(sizes)))
    best = 0
    for split in itertools.product(range(len(room)), repeat=sum(placed.values())):
        used = [0] * len(room)
        for where, size in zip(split, placed.elements(), strict=True):
            used[where] += size
        best = max(best, all(u <= r for u, r in zip(used, room, strict=True)))
    assert best == 1
