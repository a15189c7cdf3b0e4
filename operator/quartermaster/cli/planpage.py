"""A plan for a person: placements by deployment, what falls short, what was refused and why, and the proof."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from quartermaster.cli import words
from quartermaster.cli.document import price_source
from quartermaster.cli.making import Made, Refused
from quartermaster.cli.table import paragraph, refusal, table
from quartermaster.planner.eligibility.eligible import Eligible
from quartermaster.planner.eligibility.judged import Judged
from quartermaster.planner.explain.worth import NodeWorth
from quartermaster.planner.fleet import Demand, Key
from quartermaster.planner.plan import Candidate, Placement, Rejection
from quartermaster.reconcile.status import decimal, summary

_NUMBERS = frozenset({"CHIPS", "REQ/S", "TOKENS/S", "$/H", "OR SAVE UP TO $/H", "PRICE $/H"})


def page(made: Made, *, with_candidates: bool, with_all_rejections: bool) -> str:
    """Return the whole page; the sum of it stands last, where a long page ends."""
    parts = [
        _placements(made),
        _shortfalls(made),
        _worths(made.worths),
        _rejections(made.plan.eligible, is_full=with_all_rejections),
    ]
    if with_candidates:
        parts.append(_candidates(made))
    parts += [_refused(made.refused), _proof(made)]
    return "\n\n".join(part for part in parts if part)


def _placements(made: Made) -> str:
    if not made.plan.placements:
        return "Nothing is placed."
    where = words.where_header(placement.zone for placement in made.plan.placements)
    header = ("REPLICAS × SHAPE", where, "ACCELERATOR", "POOL", "TOKENS/S", "$/H")
    rows: list[Sequence[str] | str] = []
    placements_by_key = made.plan.placements_by_key()
    for key, demand in sorted(made.demand_by_key.items()):
        placements = placements_by_key.get(key, ())
        rows.append(_heading(key, demand, placements))
        rows += [_placement(placement, made) for placement in placements]
    placed = table(header, rows, to_the_right=_NUMBERS)
    sources = _sources(made, [placement.candidate for placement in made.plan.placements])
    return f"{placed}\n{paragraph(sources, indent=0)}"


def _heading(key: Key, demand: Demand, placements: Sequence[Placement]) -> str:
    tokens = f"{decimal(demand.input_tokens)} + {decimal(demand.output_tokens)} tokens"
    if demand.replicas is None and demand.requests_per_second == 0:
        wanted = "no load declared"
    elif demand.replicas is None:
        wanted = f"{decimal(demand.requests_per_second, 3)} requests/s of {tokens}, {demand.source.value.lower()}"
    else:
        wanted = f"{words.plural(demand.replicas, 'replica')} by spec.replicas, requests of {tokens}"
    dollars = sum(placement.dollars_per_hour for placement in placements)
    return f"{key}: {wanted}; " + (f"${words.money(dollars)} per hour" if placements else "not placed")


def _placement(placement: Placement, made: Made) -> Sequence[str]:
    candidate = placement.candidate
    count = f"{placement.replicas} × {candidate.shape.key}"
    if candidate.is_external:
        count = f"{placement.replicas}/10 of the load"
    return (count, *_where(candidate, placement.zone), *_figures(candidate, placement.replicas, made))


def _where(candidate: Candidate, zone: str = "") -> tuple[str, str, str]:
    pool = words.pool(candidate.pool, candidate.region, candidate.accelerator)
    return words.where(candidate.region, zone), candidate.accelerator, pool


def _figures(candidate: Candidate, replicas: int, made: Made) -> tuple[str, str]:
    throughput = candidate.throughput
    return (
        words.rate(replicas * throughput.tokens_per_second, throughput.source.value),
        words.money(replicas * candidate.dollars_per_hour, price_source(candidate, made.pool_by_name)),
    )


def _sources(made: Made, candidates: Sequence[Candidate]) -> str:
    rates = {candidate.throughput.source.value for candidate in candidates}
    return words.legend(rates | {price_source(candidate, made.pool_by_name) for candidate in candidates})


def _shortfalls(made: Made) -> str:
    told = [refusal(str(s.workload), s.message, s.remedy) for s in made.plan.shortfalls]
    return "\n".join(["Falls short:", *told]) if told else ""


def _worths(worths: Sequence[NodeWorth]) -> str:
    """Tell where one more node would be worth most; nothing where it would be worth nothing."""
    if not worths:
        return ""
    header = ("ONE MORE NODE", "REGION", "POOL", "WOULD SERVE", "OR SAVE UP TO $/H", "PRICE $/H")
    rows = [
        (
            f"{worth.chips} × {worth.accelerator}",
            words.where(worth.region),
            words.pool(worth.pool, worth.region, worth.accelerator),
            _served(worth) or "-",
            words.money(worth.saved_dollars_per_hour) if worth.saved_dollars_per_hour > 0 else "-",
            words.money(worth.node_dollars_per_hour),
        )
        for worth in worths
    ]
    shown = table(header, rows, to_the_right=_NUMBERS)
    if not any(worth.saved_dollars_per_hour > 0 for worth in worths):
        return shown
    told = "saved: for the same service, with the chips used there paid; estimated at the margin of the relaxation"
    return f"{shown}\n{told}"


def _served(worth: NodeWorth) -> str:
    first = worth.served[:1]
    if not first:
        return ""
    if worth.requests_per_second > 0:
        told = f"{decimal(worth.requests_per_second, 3)} requests/s"
    else:
        told = words.plural(sum(one.replicas for one in worth.served), "replica")
    others = f" and {len(worth.served) - 1} more" if len(worth.served) > 1 else ""
    return f"{told} of {first[0].workload}{others}"


def _rejections(eligible: Eligible, *, is_full: bool) -> str:
    blocks = []
    for key, judged in eligible.items():
        told = list(_each(eligible.rejections_of(key)) if is_full else _examples(judged))
        if told:
            blocks.append("\n".join([f"Refused to {key}:", *told]))
    return "\n\n".join(blocks)


def _each(rejections: Sequence[Rejection]) -> Iterator[str]:
    for rejection in rejections:
        where = " ".join(part for part in (rejection.pool, rejection.shape_key) if part)
        yield refusal(f"{rejection.rule}, {where}", rejection.message, rejection.remedy)


def _examples(judged: Judged) -> Iterator[str]:
    for row in summary(judged):
        more = f", {row.count} pools, such as" if row.count > 1 else ""
        yield refusal(f"{row.rule}{more}", row.message, row.remedy)


def _candidates(made: Made) -> str:
    header = ("CANDIDATES", "CHIPS", "REGION", "ACCELERATOR", "POOL", "REQ/S", "TOKENS/S", "$/H")
    rows: list[Sequence[str] | str] = []
    for key, group in groupby(made.plan.candidates, key=lambda candidate: candidate.workload):
        rows.append(f"{key}: for one replica of each")
        rows += [_candidate(candidate, made) for candidate in group]
    if not rows:
        return "There is no candidate."
    legend = paragraph(_sources(made, made.plan.candidates), indent=0)
    return f"{table(header, rows, to_the_right=_NUMBERS)}\n{legend}"


def _candidate(candidate: Candidate, made: Made) -> Sequence[str]:
    shape, chips = candidate.shape.key, str(candidate.shape.chips)
    if candidate.is_external:
        shape, chips = "a tenth of the load", "-"
    requests = decimal(candidate.throughput.requests_per_second, 3)
    return (shape, chips, *_where(candidate), requests, *_figures(candidate, 1, made))


def _refused(refused: Sequence[Refused]) -> str:
    """Tell what was left out, alike ones together: a fleet may have a hundred nodes without a region."""
    lines = []
    ordered = sorted(refused, key=lambda one: (one.kind, one.reason))
    for (kind, reason), group in groupby(ordered, key=lambda one: (one.kind, one.reason)):
        alike = list(group)
        title = f"{kind} {alike[0].title}"
        if len(alike) > 1:
            title = f"{words.plural(len(alike), kind)}, such as {alike[0].title}"
        lines.append(paragraph(f"  {title} ({reason}): {alike[0].message}", indent=6))
    return "\n".join(["Left out:", *lines]) if lines else ""


def _proof(made: Made) -> str:
    plan = made.plan
    short = len({shortfall.workload for shortfall in plan.shortfalls}) + len(made.unplanned)
    count = words.plural(len(made.demand_by_key) + len(made.unplanned), "deployment")
    served = f"{count} on {words.plural(len(made.fleet.pools), 'pool')}, "
    served += f"of which {short} not served whole" if short else "all served"
    saving = words.money(max(0.0, plan.objective - plan.bound))
    return paragraph(
        f"{served}: ${words.money(plan.dollars_per_hour)} per hour. Proven: no admissible plan that leaves as little "
        f"unserved is better by more than ${saving} per hour, {plan.gap_fraction:.2%} of the objective "
        f"({plan.objective:,.2f}: cost per hour with unmet demand, preferences and changes priced in; bound "
        f"{plan.bound:,.2f}). Decided in {made.solve_seconds:.2f} s.",
        indent=0,
    )
