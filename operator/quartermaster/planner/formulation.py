"""The joint problem as a mixed-integer program: variables, rows, and values from counts. HiGHS solves it elsewhere.

    min  Σ price_i n_i + Σ change_i a_i
    s.t. Σ share_i n_i + u_w ≥ 1                        the rate of every deployment; share_i = min(T_i, d) / d
         min_w ≤ Σ n_i + v_w,   Σ n_i ≤ max_w           its counts, external services apart
         Σ dollars_i n_i ≤ budget_w
         y_r ≤ Σ_(i in r) n_i,   Σ y_r + g_w ≥ minRegions (likewise zones)
         Σ_(i in r) T_i n_i − share_max Σ T_i n_i ≤ x_w
         a_i ≥ |n_i − running_i|
         Σ chips_i n_i ≤ room                            the limits that deployments share
         n integer
Shortage (u, v, g, x) exists only in the soft form. It is priced by a convex, piecewise linear function of the part of
the need that is not met, times the cost of the whole need: the next tenth always costs more than the one before, so
deployments of one priority share a shortage in proportion.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from quartermaster.planner.highs import Program
from quartermaster.planner.option import Option
from quartermaster.planner.problem import Need, Problem

SEGMENTS = 10
SPREAD_WEIGHT = 0.5
"""A missing region or zone weighs half of a need that is not met at all: serving in one place beats not serving."""

Counts = tuple[int, ...]


def segment_slope(segment: int) -> float:
    """Return the price of a tenth of shortage, relative to the first."""
    return 1.0 + segment


def convex(fraction: float) -> float:
    """Return the price of a shortage of this fraction, where all of it costs 5.5."""
    price = 0.0
    for segment in range(SEGMENTS):
        price += segment_slope(segment) * min(max(fraction - segment / SEGMENTS, 0.0), 1 / SEGMENTS)
    return price


@dataclass(frozen=True, slots=True)
class Missing:
    """What a plan leaves undone for one deployment."""

    rate_fraction: float
    replicas: int
    regions: int
    zones: int
    region_excess_requests_per_second: float
    """Capacity that one region holds beyond its share."""

    @property
    def is_nothing(self) -> bool:
        """Whether the need is met."""
        return self == Missing(0.0, 0, 0, 0, 0.0)


def missing(problem: Problem, need: Need, counts: Sequence[int]) -> Missing:
    """Return what the counts leave undone for one deployment."""
    own = [(problem.options[i], counts[i]) for i in need.options if counts[i]]
    served = sum(option.share * count for option, count in own)
    inside = [(option, count) for option, count in own if not option.candidate.is_external]
    capacity_by_region: dict[str, float] = {}
    for option, count in own:
        region = option.candidate.region
        capacity_by_region[region] = capacity_by_region.get(region, 0.0) + option.requests_per_second * count
    capacity = sum(capacity_by_region.values())
    excess = max(capacity_by_region.values(), default=0.0) - need.max_region_share * capacity
    unmet = 1.0 - served if need.requests_per_second > 0 else 0.0
    return Missing(
        rate_fraction=unmet if unmet > TOLERANCE else 0.0,
        replicas=max(0, need.min_replicas - sum(count for _, count in inside)),
        regions=max(0, need.min_regions - len({o.candidate.region for o, _ in inside})) if need.min_regions > 1 else 0,
        zones=max(0, need.min_zones - len({o.zone for o, _ in inside})) if need.min_zones > 1 else 0,
        region_excess_requests_per_second=excess if excess > TOLERANCE * need.share_scale else 0.0,
    )


TOLERANCE = 1e-6


def penalty(need: Need, found: Missing) -> float:
    """Return the price of what is missing, as the soft form prices it."""
    price = convex(found.rate_fraction)
    if need.min_replicas:
        price += convex(found.replicas / need.min_replicas)
    if need.min_regions > 1:
        price += SPREAD_WEIGHT * found.regions / need.min_regions
    if need.min_zones > 1:
        price += SPREAD_WEIGHT * found.zones / need.min_zones
    return need.weight * (price + SPREAD_WEIGHT * found.region_excess_requests_per_second / need.share_scale)


def cost(problem: Problem, counts: Sequence[int]) -> float:
    """Return what is minimised, shortage apart: prices with preferences, and changes."""
    total = 0.0
    started: dict[tuple[object, ...], tuple[Option, int]] = {}
    for option, count in zip(problem.options, counts, strict=True):
        total += option.price * count
        if option.change_price:
            _, before = started.get(option.change, (option, 0))
            started[option.change] = (option, before + count)
    return total + sum(o.change_price * abs(count - o.running) for o, count in started.values())


@dataclass(slots=True)
class Formulation:
    """A program with the meaning of its variables; the first ones are the options' counts."""

    problem: Problem
    program: Program = field(default_factory=Program)
    changes: list[tuple[int, tuple[int, ...], int]] = field(default_factory=list)
    """Variable, options, replicas that run."""
    presences: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)
    """Variable, options of one region or zone."""
    shortages: dict[int, dict[str, list[int]]] = field(default_factory=dict)
    """Variables of shortage by need and kind."""
    penalties: dict[int, list[tuple[int, float]]] = field(default_factory=dict)
    """Priced variables of shortage by priority."""


def formulate(problem: Problem, *, is_soft: bool) -> Formulation:
    """Return the program of the problem; without shortage variables unless it is soft."""
    form = Formulation(problem)
    for option in problem.options:
        form.program.variable(upper=option.most, cost=option.price, is_integer=True)
    for place, need in enumerate(problem.needs):
        _add_need(form, place, need, is_soft=is_soft)
    _add_changes(form)
    for limit in problem.limits:
        form.program.row(limit.terms, upper=limit.most)
    return form


def _add_need(form: Formulation, place: int, need: Need, *, is_soft: bool) -> None:
    options, program = form.problem.options, form.program
    inside = [i for i in need.options if not options[i].candidate.is_external]
    if need.requests_per_second > 0:
        short = _fraction(form, place, need, kind="rate") if is_soft else []
        program.row([*((i, options[i].share) for i in need.options), *short], lower=1.0)
    if inside:
        short = _fraction(form, place, need, kind="count") if is_soft and need.min_replicas else []
        terms = [*((i, 1.0) for i in inside), *((v, need.min_replicas * c) for v, c in short)]
        if need.min_replicas:
            program.row(terms, lower=need.min_replicas)
        program.row([(i, 1.0) for i in inside], upper=need.max_replicas)
    if need.budget < float("inf"):
        program.row([(i, options[i].candidate.dollars_per_hour) for i in need.options], upper=need.budget)
    if need.min_regions > 1:
        _add_presence(form, place, need, kind="regions", is_soft=is_soft)
    if need.min_zones > 1:
        _add_presence(form, place, need, kind="zones", is_soft=is_soft)
    if need.max_region_share < 1:
        _add_share(form, place, need, is_soft=is_soft)


def _fraction(form: Formulation, place: int, need: Need, *, kind: str) -> list[tuple[int, float]]:
    """Add the segments of an unmet fraction, and return them as terms."""
    found = []
    for segment in range(SEGMENTS):
        variable = form.program.variable(upper=1 / SEGMENTS)
        form.penalties.setdefault(need.priority, []).append((variable, need.weight * segment_slope(segment)))
        found.append((variable, 1.0))
    form.shortages.setdefault(place, {})[kind] = [variable for variable, _ in found]
    return found


def _grouped(form: Formulation, need: Need, *, by_zone: bool) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for i in need.options:
        option = form.problem.options[i]
        if not option.candidate.is_external or not by_zone:
            groups.setdefault(option.zone if by_zone else option.candidate.region, []).append(i)
    return dict(sorted(groups.items()))


def _add_presence(form: Formulation, place: int, need: Need, *, kind: str, is_soft: bool) -> None:
    program = form.program
    wanted = need.min_zones if kind == "zones" else need.min_regions
    terms: list[tuple[int, float]] = []
    for members in _grouped(form, need, by_zone=kind == "zones").values():
        inside = [i for i in members if not form.problem.options[i].candidate.is_external]
        if inside:
            variable = program.variable(upper=1.0, is_integer=True)
            program.row([(variable, -1.0), *((i, 1.0) for i in inside)], lower=0.0)
            form.presences.append((variable, tuple(inside)))
            terms.append((variable, 1.0))
    if is_soft:
        short = program.variable(upper=float(wanted))
        form.shortages.setdefault(place, {})[kind] = [short]
        form.penalties.setdefault(need.priority, []).append((short, need.weight * SPREAD_WEIGHT / wanted))
        terms.append((short, 1.0))
    program.row(terms, lower=float(wanted))


def _add_share(form: Formulation, place: int, need: Need, *, is_soft: bool) -> None:
    """Keep each region within its share; what is too much is measured against the demand, or the largest replica."""
    options, program = form.problem.options, form.program
    short: list[tuple[int, float]] = []
    if is_soft:
        variable = program.variable()
        form.shortages.setdefault(place, {})["share"] = [variable]
        form.penalties.setdefault(need.priority, []).append((variable, need.weight * SPREAD_WEIGHT))
        short = [(variable, -1.0)]
    for members in _grouped(form, need, by_zone=False).values():
        own = set(members)
        terms = [
            (i, options[i].requests_per_second / need.share_scale * ((i in own) - need.max_region_share))
            for i in need.options
        ]
        program.row([*terms, *short], upper=0.0)


def _add_changes(form: Formulation) -> None:
    groups: dict[tuple[object, ...], list[int]] = {}
    for i, option in enumerate(form.problem.options):
        if option.change_price:
            groups.setdefault(option.change, []).append(i)
    for members in groups.values():
        first = form.problem.options[members[0]]
        if not first.running:
            for i in members:
                form.program.cost[i] += first.change_price
            continue
        variable = form.program.variable(cost=first.change_price)
        form.program.row([(variable, 1.0), *((i, -1.0) for i in members)], lower=-float(first.running))
        form.program.row([(variable, 1.0), *((i, 1.0) for i in members)], lower=float(first.running))
        form.changes.append((variable, tuple(members), first.running))


def values(form: Formulation, counts: Sequence[int]) -> list[float]:
    """Return a value for every variable of the program, from the options' counts."""
    found = [0.0] * len(form.program.cost)
    found[: len(counts)] = [float(count) for count in counts]
    for variable, members, running in form.changes:
        found[variable] = float(abs(sum(counts[i] for i in members) - running))
    for variable, inside in form.presences:
        found[variable] = float(any(counts[i] for i in inside))
    for place, kinds in form.shortages.items():
        _fill_shortages(form, form.problem.needs[place], kinds, counts=counts, found=found)
    return found


def _fill_shortages(
    form: Formulation, need: Need, kinds: dict[str, list[int]], *, counts: Sequence[int], found: list[float]
) -> None:
    short = missing(form.problem, need, counts)
    _fill(kinds.get("rate", ()), short.rate_fraction, found)
    _fill(kinds.get("count", ()), short.replicas / need.min_replicas if need.min_replicas else 0.0, found)
    for kind, amount in (("regions", short.regions), ("zones", short.zones)):
        for variable in kinds.get(kind, ()):
            found[variable] = float(amount)
    for variable in kinds.get("share", ()):
        found[variable] = short.region_excess_requests_per_second / need.share_scale


def _fill(segments: Iterable[int], fraction: float, found: list[float]) -> None:
    for place, variable in enumerate(segments):
        found[variable] = min(max(fraction - place / SEGMENTS, 0.0), 1 / SEGMENTS)
