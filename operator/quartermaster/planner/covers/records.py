"""Records that compiled code works on: arrays of them are what it is handed. Fields only, and room for them.

One array of records is handed on at the price of one array; a tuple with an array for each field is handed on, and
compiled, at the price of all of them. What is looked at together lies together.
"""

from typing import Annotated, Any, NamedTuple, Protocol, SupportsIndex, TypeVar, cast, overload

import numpy as np
from numpy.typing import NDArray

from quartermaster.planner.numerics.arrays import Floats, Ints

DEPTH = 48
"""Distinct items that a cover may hold."""
GROUPS = 62
"""Regions, or zones, of one need that are told apart; the bits of a mask."""
NONE = cast("int", np.int64(0))
"""Where a count begins: numba takes a plain 0 for a type of its own, and compiles what it is handed to twice."""
FINEST = 4096
"""Parts of a need in the finest table."""
Small = Annotated[int, np.int32]
"""A whole number in half the room, where there are millions of records."""

Record = TypeVar("Record")


class Records(Protocol[Record]):
    """A numpy array of records; compiled code reads their fields by name."""

    @property
    def size(self) -> int:
        """Number of records."""

    @overload
    def __getitem__(self, place: slice) -> "Records[Record]": ...
    @overload
    def __getitem__(self, place: str) -> NDArray[Any]: ...
    @overload
    def __getitem__(self, place: SupportsIndex | tuple[SupportsIndex, SupportsIndex]) -> Record: ...
    def __setitem__(self, place: SupportsIndex, record: Record) -> None:
        """Copy a record."""


class Item:
    """An option as an item of its need: replicas that run cost no start, and leaving them costs a stop."""

    share: float
    cost: float
    """Price that is searched with: that with limits, and with fines at least and tolls."""
    requests_per_second: float
    dollars_per_hour: float
    price: float
    """With those of limits ..."""
    base: float
    """... and without."""
    most: Small
    region: Small
    """Number of the region, or of the zone, among those of the need."""
    zone: Small
    first: Small
    """Where what it takes from limits begins, and its end."""
    end: Small
    need: Small
    option: Small
    before: Small
    """Replicas that run of the same option, which is an item of its own: they come first."""
    origin: Small
    """The item that it is a copy of."""
    is_counted: bool


class Want:
    """A need as numbers, with the names that they have in ``problem.Needs``."""

    rate: float
    requests_per_second: float
    least: int
    most: int
    regions: int
    zones: int
    region_share: float
    region_excess: float
    share_scale: float
    budget: float
    served: float
    unmet: float
    """Dollars per hour for all of a soft need's first tenths; infinite for needs that are to be met whole."""
    idle: float
    """What it costs with nothing."""
    first: int
    """Where its items begin, and their end."""
    end: int


class Use:
    """What an option takes from one limit."""

    limit: int
    amount: float


class Row:
    """A limit whose room is watched while a cover is looked for."""

    used: float
    """Nothing, before and after."""
    free: float
    fine: float
    """Dollars per hour for a unit beyond what is free."""


class Held:
    """How often a cover holds an item."""

    item: int
    times: int


class Ranked:
    """An item by what it costs."""

    item: int
    key: float


class Step:
    """A branch down to one item of those that are searched: what the items before it make of the need."""

    turn: int
    """The count that was tried first, or that none was, or that those above it are."""
    tried: int
    last: int
    """The largest count that is tried."""
    counted: int
    regions: int
    zones: int
    left: float
    spent: float
    true: float
    dollars: float


class Group:
    """A region or zone of one need."""

    region_price: float
    """The cheapest replica there."""
    zone_price: float
    held: float


class Sought:
    """What is known of the cheapest cover of one need, and what is found."""

    best: float
    """What the best known one costs; lowered where a better one is found."""
    slack: float
    """Where covers are collected, those within this much of the best are; negative where none are."""
    size: int
    """Distinct items of a better one; 0 where there is none."""
    bound: float
    """No cover costs less; where covers are collected, none that was not collected."""


class Hit:
    """A cover that was collected."""

    need: int
    size: int
    value: float


class Hits(NamedTuple):
    """Covers that are collected, of one need after another."""

    found: Records[Hit]
    held: Records[Held]
    """By cover, up to ``DEPTH`` for each."""
    total: Ints
    """How many there are, as the only entry."""
    each: int
    """How many are collected of one need; none where there is nothing to collect."""


class Effort(NamedTuple):
    """How closely one cover is looked for."""

    tolerance: float
    """Fraction of the best by which it may miss it ..."""
    shared: float
    """... or dollars per hour."""
    steps: int
    """Branches that are followed; none where there are none."""
    fineness: int
    """Parts of a table that the smallest share spans, where the finest table allows it."""


class Work(NamedTuple):
    """Room for one search after another."""

    ranked: Records[Ranked]
    """The items that are looked at, in order ..."""
    spare: Records[Ranked]
    """... and room to sort them."""
    steps: Records[Step]
    table: Floats
    by_region: Floats
    by_zone: Floats
    capacity: Floats
    """Requests per second in each region, by step."""
    region_rate: Floats
    """Dollars per hour for a request per second in each region, of the items of each step and of those after it."""
    groups: Records[Group]
    held: Records[Held]
    """The best cover."""
    uses: Records[Use]
    """What items take from the limits that are watched."""
    rows: Records[Row]
    queue: Ints


def room_for(kind: type[Record], *shape: int) -> Records[Record]:
    """Return an array of records, all of them zero."""
    fields = [
        (name, np.dtype(*getattr(type_, "__metadata__", (type_,)))) for name, type_ in kind.__annotations__.items()
    ]
    return cast("Records[Record]", np.zeros(shape, np.dtype(fields, align=True)))


def room_for_work(widest: int, *, uses: int = 0, rows: int = 0) -> Work:
    """Return the room for searches over up to so many items, with so many limits that are watched."""
    deep = widest + 1
    return Work(
        ranked=room_for(Ranked, deep),
        spare=room_for(Ranked, deep),
        steps=room_for(Step, deep),
        table=np.empty((deep, FINEST + 1)),
        by_region=np.empty((GROUPS, FINEST + 1)),
        by_zone=np.empty((GROUPS, FINEST + 1)),
        capacity=np.zeros((deep, GROUPS)),
        region_rate=np.empty((deep, GROUPS)),
        groups=room_for(Group, GROUPS),
        held=room_for(Held, DEPTH),
        uses=room_for(Use, uses),
        rows=room_for(Row, rows),
        queue=np.empty(FINEST + 2, np.int64),
    )


def room_for_hits(most: int, *, each: int) -> Hits:
    """Return the room for so many covers, and for so many of one need."""
    return Hits(room_for(Hit, most), room_for(Held, most, DEPTH), np.zeros(1, dtype=np.int64), each)
