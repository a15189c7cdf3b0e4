"""Benchmark of the planner: cost, unserved, seconds, proven gap and peak memory on tight fleets of real chips.

``python -m tests.benchmarks.planner [--seeds N] [--sizes 50x40,1000x200] [--planners NAMES]`` prints
a row per size and planner; the figures of record are in ``RESULTS.md``. Instances are those of ``instances``: a third
of the deployments with spread rules, a third running already, pods of others on a tenth of the nodes. ``--family`` says
whether a full plan is known or demand was drawn, ``--stock`` and ``--shapes`` more of what ``instances.recipe`` tells.
Every run has a process of its own, which reads the instance from a file, so that its peak of memory is its own.

``--incremental`` plans a fleet, lets that plan run, and then changes one thing: a new deployment, a lost node, a
changed demand. ``--files`` measures the whole process of `kubectl-quartermaster plan` on files instead.
"""

import argparse
import statistics
import tempfile
from collections.abc import Sequence

from tests.benchmarks import runs
from tests.benchmarks.instances import Family, Shapes, Stock
from tests.benchmarks.runs import Asked, Figures

PLANNERS = ("quartermaster", "cheapest-first", "each-alone", "first-fit", "compact")


def main() -> None:
    """Print the tables that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.planner", description=__doc__)
    parser.add_argument("--sizes", default="50x40,200x60,1000x200")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--family", type=Family, choices=list(Family), default=Family.PLANTED)
    parser.add_argument("--stock", type=Stock, choices=list(Stock), default=Stock.DRAWN)
    parser.add_argument("--shapes", type=Shapes, choices=list(Shapes), default=Shapes.USUAL)
    parser.add_argument("--tightness", type=float, default=0.9)
    told = f"some of {', '.join(PLANNERS)}, with commas between, or all"
    parser.add_argument("--planners", default=PLANNERS[0], help=told)
    parser.add_argument("--compact-seconds", type=float, default=60.0)
    parser.add_argument("--still", action="store_true", help="nothing runs yet, so that costs can be compared")
    parser.add_argument("--deadline", type=float, help="seconds after which the planner must answer")
    parser.add_argument("--incremental", action="store_true")
    parser.add_argument("--files", action="store_true")
    parser.add_argument("--same-service", action="store_true", help="what each baseline serves, served by the planner")
    given = parser.parse_args()
    planners = PLANNERS if given.planners == "all" else tuple(given.planners.split(","))
    asked = Asked(
        family=given.family,
        stock=given.stock,
        shapes=given.shapes,
        tightness=given.tightness,
        is_still=given.still,
        deadline_seconds=given.deadline,
        compact_seconds=given.compact_seconds,
    )
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    chosen = {"incremental": given.incremental, "files": given.files, "same-service": given.same_service}
    mode = next((name for name, is_chosen in chosen.items() if is_chosen), "plan")
    print(HEADS[mode])
    print(f"| {' | '.join(['---'] * (HEADS[mode].count('|') - 1))} |")
    with tempfile.TemporaryDirectory() as folder:
        _print(given.sizes, seeds=seeds, asked=asked, mode=mode, planners=planners, folder=folder)


def _print(sizes: str, *, seeds: range, asked: Asked, mode: str, planners: Sequence[str], folder: str) -> None:
    for size in sizes.split(","):
        deployments, pools = (int(number) for number in size.split("x"))
        instances = [runs.saved(asked.at(deployments, pools, seed), folder) for seed in seeds]
        for name in planners if mode == "plan" else (mode,):
            rows = [runs.in_process(one, name) for one in instances]
            for line in _lines(mode, f"{deployments:,} × {pools:,}", name, rows):
                print(line, flush=True)


HEADS = {
    "plan": (
        "| deployments × pools | planner | $/h | short | unserved | at equal service | CPU s: median, worst | wall s "
        "| gap: median, worst | peak MiB |"
    ),
    "incremental": "| size | change | wall ms: median, worst | CPU ms | gap: median, worst | moved, most | short |",
    "same-service": "| size | planner | its $/h | ours for the same | ours is lower by: median, least | gap | short |",
    "files": "| deployments × pools | wall s: median, worst | CPU s: median, worst | deciding s | gap: median, worst |",
}


def _lines(mode: str, size: str, name: str, rows: Sequence[Figures]) -> list[str]:
    if mode == "incremental":
        changes = sorted({row.name for run in rows for row in run.parts})
        return [
            _changed(size, change, [p for run in rows for p in run.parts if p.name == change]) for change in changes
        ]
    if mode == "same-service":
        return [_same(size, name, [p for run in rows for p in run.parts if p.name == name]) for name in PLANNERS[1:4]]
    if mode == "files":
        gaps = f"{_percent(_middle(rows, 'gap_fraction'))}, {_percent(_most(rows, 'gap_fraction'))}"
        return [
            f"| {size} | {_pair(rows, 'seconds')} | {_pair(rows, 'cpu_seconds')} | {_pair(rows, 'inner')} | {gaps} |"
        ]
    gap = "–"
    if all(row.gap_fraction is not None for row in rows):
        gap = f"{_percent(_middle(rows, 'gap_fraction'))}, {_percent(_most(rows, 'gap_fraction'))}"
    cells = (
        size,
        name,
        f"{_middle(rows, 'dollars_per_hour'):,.0f}",
        f"{_middle(rows, 'short'):.0f}, {_most(rows, 'short'):.0f}",
        _percent(_middle(rows, "unserved_fraction")),
        f"{_middle(rows, 'equal_dollars'):,.0f}",
        _pair(rows, "cpu_seconds"),
        _pair(rows, "seconds"),
        gap,
        f"{_most(rows, 'peak_mib'):.0f}",
    )
    return [f"| {' | '.join(cells)} |"]


def _same(size: str, name: str, rows: Sequence[Figures]) -> str:
    lower = [1 - row.equal_dollars / row.dollars_per_hour for row in rows]
    cells = (
        size,
        name,
        f"{_middle(rows, 'dollars_per_hour'):,.0f}",
        f"{_middle(rows, 'equal_dollars'):,.0f}",
        f"{_percent(statistics.median(lower))}, {_percent(min(lower))}",
        _percent(_middle(rows, "gap_fraction")),
        f"{_most(rows, 'short'):.0f}",
    )
    return f"| {' | '.join(cells)} |"


def _changed(size: str, change: str, rows: Sequence[Figures]) -> str:
    wall, worst = (1000 * value for value in (_middle(rows, "seconds"), _most(rows, "seconds")))
    cpu = 1000 * _middle(rows, "cpu_seconds")
    gaps = f"{_percent(_middle(rows, 'gap_fraction'))}, {_percent(_most(rows, 'gap_fraction'))}"
    moved = f"{_middle(rows, 'moved'):.0f}, {_most(rows, 'moved'):.0f}"
    return (
        f"| {size} | {change} | {wall:.0f}, {worst:.0f} | {cpu:.0f} | {gaps} | {moved} | {_most(rows, 'short'):.0f} |"
    )


def _values(rows: Sequence[Figures], name: str) -> list[float]:
    return [float(getattr(row, name) or 0.0) for row in rows]


def _middle(rows: Sequence[Figures], name: str) -> float:
    return statistics.median(_values(rows, name))


def _most(rows: Sequence[Figures], name: str) -> float:
    return max(_values(rows, name))


def _pair(rows: Sequence[Figures], name: str) -> str:
    return f"{_middle(rows, name):.2f}, {_most(rows, name):.2f}"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.2f} %"


if __name__ == "__main__":
    main()
