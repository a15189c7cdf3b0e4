"""Make before break, as properties over random deployments, and its one exception."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from quartermaster.planner.fleet import Key, Place
from quartermaster.planner.plan import PlacementId
from quartermaster.reconcile.stock import Ground, Stock
from quartermaster.reconcile.transition import NOTHING_LACKS, Lack, replicas_now

POOLS = ("a", "b")
CHIPS = 8


def counts(
    stocks: Sequence[Stock], free_chips_by_pool: Mapping[str, int], lack_by_key: Mapping[Key, Lack] = NOTHING_LACKS
) -> dict[PlacementId, int]:
    """Return the counts now, in pools of one large host each."""
    grounds = {pool: Ground({f"{pool}-0": chips}) for pool, chips in free_chips_by_pool.items()}
    return dict(replicas_now(stocks, grounds, lack_by_key=lack_by_key).count_by_id)


def identity(name: str, pool: str, shape_key: str, zone: str = "") -> PlacementId:
    """Return what identifies a placement."""
    return PlacementId(Key("ns", name), Place(pool, shape_key, zone))


def stock(pool: str, *, planned: int, existing: int, ready: int, rate: float = 1.0, chips: int = 1) -> Stock:
    """Return a stock of one deployment."""
    return Stock(identity("model", pool, "shape"), 0, chips, rate, planned, existing, ready)


def test_a_move_keeps_the_old_replicas_until_new_ones_are_ready() -> None:
    """Capacity leaves one replica at a time, as it arrives elsewhere."""
    old, new = stock("a", planned=0, existing=3, ready=3), stock("b", planned=3, existing=0, ready=0)
    free = {"a": 5, "b": 8}
    assert counts([old, new], free) == {old.id: 3, new.id: 3}
    new = replace(new, existing=3, ready=1)
    assert counts([old, new], free) == {old.id: 2, new.id: 3}
    new = replace(new, ready=3)
    assert counts([old, new], free) == {old.id: 0, new.id: 3}


def test_scaling_down_in_place_is_immediate() -> None:
    """What is planned is enough, so nothing is kept."""
    only = stock("a", planned=2, existing=5, ready=5)
    assert counts([only], {"a": 0}) == {only.id: 2}


def test_replicas_that_never_became_ready_are_not_kept() -> None:
    """They serve nothing, so that nothing is lost with them."""
    old, new = stock("a", planned=0, existing=4, ready=1), stock("b", planned=1, existing=1, ready=0)
    assert counts([old, new], {"a": 4, "b": 8})[old.id] == 1


def test_what_serves_stays_as_far_as_the_plan_falls_short_for_want_of_room() -> None:
    """Nodes were cordoned: as many stay as are wanted beyond the plan, in rate or in number, and no more."""
    cordoned = stock("a", planned=0, existing=6, ready=6)
    other = stock("b", planned=2, existing=2, ready=2)
    key = cordoned.id.workload
    assert counts([cordoned, other], {"a": 0, "b": 0}) == {cordoned.id: 0, other.id: 2}
    by_rate = {key: Lack(requests_per_second=3.0)}
    assert counts([cordoned, other], {"a": 0, "b": 0}, lack_by_key=by_rate) == {cordoned.id: 3, other.id: 2}
    by_number = {key: Lack(requests_per_second=0.5, replicas=4)}
    assert counts([cordoned, other], {"a": 0, "b": 0}, lack_by_key=by_number) == {cordoned.id: 4, other.id: 2}


def test_nothing_stays_where_a_rule_forbids_it_however_much_is_lacking() -> None:
    """A shortfall is better than a breach."""
    forbidden = replace(stock("a", planned=0, existing=6, ready=6), is_allowed=False)
    lack = {forbidden.id.workload: Lack(6.0, 6)}
    assert counts([forbidden], {"a": 0}, lack_by_key=lack) == {forbidden.id: 0}


def test_a_full_pool_makes_room_by_giving_up_what_leaves_it_and_no_more_than_it_takes() -> None:
    """One shape replaces another: two old replicas go for the first new one, which then takes the place of two more."""
    old = replace(stock("a", planned=0, existing=8, ready=8), id=identity("model", "a", "old"))
    new = stock("a", planned=4, existing=0, ready=0, rate=2.0, chips=2)
    assert counts([old, new], {"a": 0})[old.id] == 6
    assert counts([old, new], {"a": 2})[old.id] == 8


def test_room_is_made_by_the_lowest_priority_first() -> None:
    """Nothing can start anywhere: the important deployment keeps its old replica."""
    low = Stock(identity("low", "a", "old"), 1, 4, 1.0, 0, 1, 1)
    high = Stock(identity("high", "a", "old"), 9, 4, 1.0, 0, 1, 1)
    coming = [
        Stock(identity("low", "b", "new"), 1, 4, 1.0, 1, 0, 0),
        Stock(identity("high", "a", "new"), 9, 4, 1.0, 1, 0, 0),
    ]
    now = counts([low, high, *coming], {"a": 0, "b": 0})
    assert (now[low.id], now[high.id]) == (0, 1)
    now = counts([low, high, *coming], {"a": 0, "b": 8})
    assert (now[low.id], now[high.id]) == (1, 1), "the low one leaves by itself once it serves from the other pool"


def test_a_move_to_another_zone_keeps_what_serves_until_the_other_zone_serves() -> None:
    """Counts of zones change as those of pools do: one replica leaves as another is ready."""
    old = replace(stock("a", planned=1, existing=3, ready=3), id=identity("model", "a", "shape", "x"))
    new = replace(stock("a", planned=2, existing=0, ready=0), id=identity("model", "a", "shape", "y"))
    grounds = {"a": Ground({"a-x": 5, "a-y": 8}, {"a-x": "x", "a-y": "y"})}
    for ready, kept in ((0, 3), (1, 2), (2, 1)):
        seen = replace(new, existing=2, ready=ready, hosts=("a-y",) * ready)
        assert replicas_now([old, seen], grounds).count_by_id == {old.id: kept, new.id: 2}


@st.composite
def fleets(draw: st.DrawFn) -> list[Stock]:
    """Draw stocks of up to three deployments on two pools of eight chips; what is planned and what exists fits."""
    stocks = []
    planned_chips: dict[str, int] = defaultdict(int)
    existing_chips: dict[str, int] = defaultdict(int)
    for name in ("one", "two", "three"):
        for pool in POOLS:
            for shape, chips in (("small", 1), ("large", 2)):
                most_planned = (CHIPS - planned_chips[pool]) // chips
                most_existing = (CHIPS - existing_chips[pool]) // chips
                planned = draw(st.integers(0, min(3, most_planned)))
                existing = draw(st.integers(0, min(3, most_existing)))
                planned_chips[pool] += planned * chips
                existing_chips[pool] += existing * chips
                rate = draw(st.sampled_from((1.0, 2.0, 3.5)))
                ready = draw(st.integers(0, existing))
                stocks.append(Stock(identity(name, pool, shape), 0, chips, rate, planned, existing, ready))
    return stocks


def free_chips(stocks: list[Stock]) -> dict[str, int]:
    """Return the chips that existing replicas leave."""
    return {p: CHIPS - sum(s.existing * s.chips_per_replica for s in stocks if s.pool == p) for p in POOLS}


def serving(stocks: list[Stock], name: str) -> float:
    """Return the ready capacity of one deployment."""
    return sum(s.ready * s.requests_per_second_per_replica for s in stocks if s.id.workload.name == name)


def step(stocks: list[Stock]) -> list[Stock]:
    """Play one round: counts are applied, then as many replicas start as find free chips, and become ready."""
    wanted = counts(stocks, free_chips(stocks))
    shrunk = [replace(s, existing=min(s.existing, wanted[s.id]), ready=min(s.ready, wanted[s.id])) for s in stocks]
    free = free_chips(shrunk)
    grown = []
    for s in shrunk:
        room = free[s.pool] // s.chips_per_replica
        started = min(room, wanted[s.id] - s.existing)
        free[s.pool] -= started * s.chips_per_replica
        grown.append(replace(s, existing=s.existing + started, ready=s.existing + started))
    return grown


@settings(max_examples=300, deadline=None)
@given(fleets())
def test_every_transition_ends_at_the_plan(stocks: list[Stock]) -> None:
    """However full the fleet is, the plan is reached, because making room is never refused for ever."""
    for _ in range(40):
        stocks = step(stocks)
    assert all(s.existing == s.planned for s in stocks)


@settings(max_examples=300, deadline=None)
@given(fleets())
def test_service_never_falls_while_there_is_room(stocks: list[Stock]) -> None:
    """With free chips for all that comes, no deployment serves less than before or than planned, whichever is less."""
    plenty = dict.fromkeys(POOLS, 1000)
    wanted = counts(stocks, plenty)
    for name in ("one", "two", "three"):
        group = [s for s in stocks if s.id.workload.name == name]
        after = sum(min(s.ready, wanted[s.id]) * s.requests_per_second_per_replica for s in group)
        planned = sum(s.planned * s.requests_per_second_per_replica for s in group)
        assert after >= min(serving(stocks, name), planned) - 1e-6
