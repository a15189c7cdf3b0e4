"""What holds for every fleet and every course of the load."""

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from quartermaster.autoscaler.capacity import capacity, replicas
from quartermaster.autoscaler.hold import ScaleState
from quartermaster.autoscaler.limits import Limits
from quartermaster.autoscaler.scale import scale
from quartermaster.planner.plan import Placement
from tests.autoscaler.build import placement, wanted

POOLS = ("near", "far", "big")


@dataclass(frozen=True)
class World:
    """Placements, chips free for each, and bounds."""

    placements: tuple[Placement, ...]
    free: tuple[int, ...]
    limits: Limits

    def tick(self, wish: float, at: float, *, complete: bool, state: ScaleState | None) -> tuple["World", ScaleState]:
        """Return the world after one tick, and what the next tick needs. Chips of replicas that went are free again."""
        room = {one.id: free for one, free in zip(self.placements, self.free, strict=True)}
        found = scale(
            self.placements,
            wanted(wish, at_seconds=at, complete=complete),
            limits=self.limits,
            free_replicas_by_id=room,
            state=state,
        )
        free = tuple(
            left - (new.replicas - old.replicas)
            for left, old, new in zip(self.free, self.placements, found.placements, strict=True)
        )
        return World(found.placements, free, self.limits), found.state


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Return one to three pools of unequal chips, some room in each, and bounds that today's counts obey."""
    pools = POOLS[: draw(st.integers(1, 3))]
    placements = tuple(
        placement(draw(st.integers(0, 6)), pool, rate=draw(st.floats(0.5, 30.0)), dollars=draw(st.floats(0.5, 50.0)))
        for pool in pools
    )
    least = draw(st.integers(0, min(3, replicas(placements))))
    most = draw(st.integers(max(1, replicas(placements)), 30))
    limits = Limits(
        min_replicas=least, max_replicas=most, scale_down_delay_seconds=draw(st.sampled_from((0.0, 60.0, 300.0)))
    )
    return World(placements, tuple(draw(st.integers(0, 10)) for _ in pools), limits)


courses = st.lists(
    st.tuples(st.floats(0.0, 200.0), st.floats(1.0, 120.0), st.booleans()), min_size=1, max_size=40
)  # capacity wanted, seconds to the next tick, whether the signals are whole


@given(world=worlds(), course=courses)
def test_counts_stay_within_minimum_maximum_and_room(world: World, course: list[tuple[float, float, bool]]) -> None:
    """Whatever the load does, tick by tick."""
    now, state = 0.0, None
    for wish, gap, complete in course:
        world, state = world.tick(wish, now, complete=complete, state=state)
        now += gap
        assert world.limits.min_replicas <= replicas(world.placements) <= world.limits.max_replicas
        assert all(free >= 0 for free in world.free)
        assert all(one.replicas >= 0 for one in world.placements)


@given(world=worlds(), course=courses)
def test_no_replica_is_taken_away_on_signals_that_are_not_whole(
    world: World, course: list[tuple[float, float, bool]]
) -> None:
    """Counts only fall on a whole tick at the end of a whole delay."""
    now, state, whole_since = 0.0, None, None
    for wish, gap, complete in course:
        whole_since = (now if whole_since is None else whole_since) if complete else None
        before = world.placements
        world, state = world.tick(wish, now, complete=complete, state=state)
        fell = any(new.replicas < old.replicas for old, new in zip(before, world.placements, strict=True))
        if fell:
            assert whole_since is not None
            assert now - whole_since >= world.limits.scale_down_delay_seconds
        now += gap


@given(world=worlds(), wish=st.floats(0.0, 300.0))
def test_one_tick_reaches_what_is_wanted_or_leaves_no_way_to_it(world: World, wish: float) -> None:
    """After a rise the capacity is there, or the maximum is reached, or no pool has room."""
    after, _ = world.tick(wish, 0.0, complete=False, state=None)
    if replicas(world.placements) == 0:
        return
    is_enough = capacity(after.placements) >= wish * (1 - 1e-9)
    is_most = replicas(after.placements) == world.limits.max_replicas
    assert is_enough or is_most or all(free == 0 for free in after.free)


@given(world=worlds(), wishes=st.tuples(st.floats(0.0, 300.0), st.floats(0.0, 300.0)))
def test_more_load_never_gets_less_of_what_it_wants(world: World, wishes: tuple[float, float]) -> None:
    """Monotone: the larger wish is covered at least as far, up to itself."""
    low, high = sorted(wishes)
    first, _ = world.tick(low, 0.0, complete=False, state=None)
    second, _ = world.tick(high, 0.0, complete=False, state=None)
    assert capacity(second.placements) >= min(low, capacity(first.placements)) * (1 - 1e-9)


@given(world=worlds(), wish=st.floats(0.0, 100.0))
def test_counts_settle_under_a_constant_load_and_stay(world: World, wish: float) -> None:
    """Within two delays nothing moves any more: no flapping."""
    now, state = 0.0, None
    step = max(1.0, world.limits.scale_down_delay_seconds / 10)
    history = []
    for _ in range(60):
        world, state = world.tick(wish, now, complete=True, state=state)
        history.append(world.placements)
        now += step
    assert history[25] == history[-1]
    moves = [replicas(later) - replicas(earlier) for earlier, later in pairwise(history) if later != earlier]
    assert all(move < 0 for move in moves)  # after the first tick, which may rise, it only ever falls


@given(world=worlds(), course=courses)
def test_equal_ticks_give_equal_counts(world: World, course: list[tuple[float, float, bool]]) -> None:
    """Pure: a replay of the same course ends at the same place."""

    def run() -> tuple[World, ScaleState | None]:
        here, state, now = world, None, 0.0
        for wish, gap, complete in course:
            here, state = here.tick(wish, now, complete=complete, state=state)
            now += gap
        return here, state

    assert run() == run()
