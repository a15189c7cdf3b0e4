"""What one more node of each pool would be worth to a plan: what it saves, and what goes short and would fit on it.

    saving = Σ_r price_r · room that the node adds to limit r  +  Σ_w (least price of w − the same with the node)

The first sum is the price of what is scarce between deployments. The second is that of a pool which one deployment has
all to itself: no price of a limit says what it would do with more. Least prices are covers at the limits' prices.

It is an estimate at the margin, of the relaxation: with the node, no plan that serves as much costs less than the bound
at these prices minus the saving. So the plan saves at most the saving and its present gap; often less, because replicas
come whole, and never more for a second node. The chips that the plan uses on the node are paid for in it.
"""

from dataclasses import dataclass, replace

import numpy as np

from quartermaster.planner.covers.cheapest import Covers
from quartermaster.planner.explain.lacking import lacking
from quartermaster.planner.explain.onemore import Node, Served, limits_by_pool, nodes_like, scarcity, served_on
from quartermaster.planner.fleet import Key
from quartermaster.planner.known import Known
from quartermaster.planner.numerics.arrays import Floats, Ints, spans
from quartermaster.planner.plan import Plan
from quartermaster.planner.posing.column import chosen_columns, value_of
from quartermaster.planner.posing.limit import Usage
from quartermaster.planner.posing.offer import ANY_ZONE
from quartermaster.planner.posing.pose import Posed
from quartermaster.planner.posing.problem import Options, Problem

PAIRS = 500
"""Deployments that are looked at in pools which they might want for themselves; with more, only where they have it."""
MOST_TOLD = 5
LEAST_SAVED_FRACTION = 0.05
"""Part of its own price that a node has to save to be told of; what is used of it is paid for already."""
_CENT = 0.01
LEAST_FRACTION = 1e-3
"""Part of what a deployment costs below which a saving is no more than the search's tolerance."""


@dataclass(frozen=True, slots=True)
class NodeWorth:
    """What one more node of a pool would be worth."""

    pool: str
    region: str
    accelerator: str
    chips: int
    """Of the node: it is like the pool's largest."""
    node_dollars_per_hour: float
    """Price of all its chips."""
    saved_dollars_per_hour: float
    """Estimate of what the plan would cost less, the chips that it uses there paid, were it to serve no more."""
    served: tuple[Served, ...]
    """Who goes short and would find room on it, the highest priority first."""

    @property
    def requests_per_second(self) -> float:
        """Requests that go unserved and would be served on it."""
        return sum(one.requests_per_second for one in self.served)


def worth_telling(plan: Plan) -> tuple[NodeWorth, ...]:
    """Return the few nodes that are worth most: that serve somebody who goes short, or save more than a trifle.

    Of nodes that would serve the same deployments, the first is told.
    """
    found = () if plan.known is None else node_worths(plan.known)
    telling: list[NodeWorth] = []
    known: set[Key] = set()
    for worth in found:
        serving = {one.workload for one in worth.served}
        trifle = max(LEAST_SAVED_FRACTION * worth.node_dollars_per_hour, _CENT)
        if serving - known or (not serving and worth.saved_dollars_per_hour > trifle):
            telling.append(worth)
            known |= serving
    return tuple(telling[:MOST_TOLD])


def node_worths(known: Known) -> tuple[NodeWorth, ...]:
    """Return what one more node of each pool would be worth, the most first; pools where it is nothing are left out.

    Those where somebody who goes short would find room come first, by how much of their need that is, then by price.
    """
    posed, solution = known.posed, known.solution
    rows = limits_by_pool(posed)
    prices = solution.prices
    nodes = [_dearest(posed, pool, rows.get(pool, []), prices) for pool in range(len(posed.places.pools))]
    found = [(node, saved) for node, saved in nodes if node is not None]
    most = _most_with_nodes(posed, [node for node, _ in found])
    alone = _saved_alone(known, [node for node, _ in found], most)
    ceiling = _most_to_save(known, most)
    queue = lacking(posed, solution)
    weight = {one.need.key: one.need.weight / max(one.need.requests_per_second, 1e-9) for one in posed.offers}
    worths = []
    for (node, saved), more in zip(found, alone.tolist(), strict=True):
        served, _ = served_on(node, queue)
        pool = posed.places.pools[node.pool]
        worth = NodeWorth(
            pool=pool.name,
            region=pool.region,
            accelerator=pool.accelerator_name,
            chips=node.chips,
            node_dollars_per_hour=node.chips * (pool.dollars_per_chip_hour or 0.0),
            saved_dollars_per_hour=min(saved + more, ceiling),
            served=served,
        )
        if served or worth.saved_dollars_per_hour > 0:
            gained = sum(weight[one.workload] * one.requests_per_second + 1e-6 * one.replicas for one in served)
            price = worth.node_dollars_per_hour if served else 0.0
            worths.append((-gained, price, -worth.saved_dollars_per_hour, worth.pool, worth))
    return tuple([worth for *_, worth in sorted(worths, key=lambda entry: entry[:-1])])


def _dearest(posed: Posed, pool: int, rows: list[int], prices: Floats) -> tuple[Node | None, float]:
    """Return the node in the zone where it is worth most; no node for a service, or a pool that has none."""
    best: tuple[Node | None, float] = (None, 0.0)
    for node in nodes_like(posed, pool):
        worth = scarcity(posed, prices, node, rows)
        if best[0] is None or worth > best[1]:
            best = (node, worth)
    return best


def _most_to_save(known: Known, most: Ints) -> float:
    """Return what the plan costs above the cheapest covers of all, were nothing scarce: no node saves more.

    Prices of limits that are only just wide enough say what one unit less would cost, which may be anything.
    """
    problem, counts = known.posed.problem, known.solution.counts
    asked = replace(problem, needs=known.asked, options=replace(problem.options, most=most))
    value = value_of(asked, chosen_columns(asked, counts))
    least = Covers(asked).cheapest(np.zeros(problem.room.size), value).bound
    return max(0.0, float((value - least).sum()))


def _saved_alone(known: Known, nodes: list[Node], most: Ints) -> Floats:
    """Return by node what deployments would save that fill its pool by themselves."""
    posed, options = known.posed, known.posed.problem.options
    node_by_pool = {node.pool: place for place, node in enumerate(nodes)}
    wanting = np.flatnonzero(most > options.most)
    pools = len(posed.places.pools)
    pairs = np.unique(options.need[wanting] * pools + posed.pool[wanting])
    if pairs.size > PAIRS:
        full = wanting[known.solution.counts[wanting] >= options.most[wanting]]
        pairs = np.unique(options.need[full] * pools + posed.pool[full])
    saved = np.zeros(len(nodes))
    if not pairs.size:
        return saved
    need, pool = pairs // pools, pairs % pools
    problem, value = _each_alone(known, need, pool, most)
    least = Covers(problem).cheapest(np.zeros(0), value).bound
    gain = known.solution.least[need] - least
    gain = np.where(gain > LEAST_FRACTION * np.maximum(known.solution.least[need], 1e-9), gain, 0.0)
    np.add.at(saved, [node_by_pool[place] for place in pool.tolist()], gain)
    return saved


def _most_with_nodes(posed: Posed, nodes: list[Node]) -> Ints:
    """Return the most of each option, were there one more node in its pool."""
    options = posed.problem.options
    node_by_pool = {node.pool: place for place, node in enumerate(nodes)}
    more = np.zeros(options.count, dtype=np.int64)
    for place in np.flatnonzero(options.most < posed.enough).tolist():
        at = node_by_pool.get(int(posed.pool[place]))
        if at is not None and options.zone[place] in {ANY_ZONE, nodes[at].zone}:
            more[place] = nodes[at].places(int(options.chips[place]))
    most: Ints = np.minimum(posed.enough, options.most + more)
    return most


def _each_alone(known: Known, need: Ints, pool: Ints, most: Ints) -> tuple[Problem, Floats]:
    """Return a need for each pair of need and pool, with more room there, at the limits' prices; and what it costs now.

    No limits are left: their prices are in those of the options.
    """
    problem, prices = known.posed.problem, known.solution.prices
    usage, options = problem.usage, problem.options
    rent = np.bincount(usage.option, prices[usage.limit] * usage.amount, options.count)
    starts = known.posed.starts
    owner, own = spans(starts[need], starts[need + 1] - starts[need])
    columns = {name: getattr(options, name)[own] for name in Options.__slots__}
    columns["need"] = owner
    columns["price"] = (options.price + rent)[own]
    columns["most"] = np.where(known.posed.pool[own] == pool[owner], most[own], options.most[own])
    nothing = np.zeros(0, dtype=np.int64)
    bare = Usage(nothing, nothing, np.zeros(0), np.zeros(own.size + 1, dtype=np.int64))
    asked = replace(problem, needs=known.asked)
    value = value_of(asked, chosen_columns(asked, known.solution.counts))
    value += np.bincount(options.need, rent * known.solution.counts, value.size)
    return Problem(known.asked.of(need), Options(**columns), bare, np.zeros(0)), value[need]
