"""One run of a planner on one instance, in a process of its own; what it measured comes back as JSON."""

import gc
import json
import pickle  # to keep what this program made, between its own processes
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from quartermaster.planner.eligibility.candidates import candidates
from quartermaster.planner.fleet import Fleet, Key, Running, Workload
from quartermaster.planner.plan import Plan
from quartermaster.planner.planning import plan
from tests.benchmarks.baselines.alone import each_alone
from tests.benchmarks.baselines.compact import compact
from tests.benchmarks.baselines.greedy import cheapest_first, first_fit
from tests.benchmarks.baselines.offer import CandidateId, Offer, Result, offer, result
from tests.benchmarks.instances import Family, Instance, Recipe, Shapes, Stock, generate
from tests.benchmarks.instances.files import write

MIB_KIB = 1024
NOTHING_FRACTION = 1e-6
"""A deployment of which less is served is not served at all."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What to run."""

    family: str = Family.PLANTED
    stock: str = Stock.DRAWN
    shapes: str = Shapes.USUAL
    tightness: float = 0.9
    is_still: bool = False
    deadline_seconds: float | None = None
    compact_seconds: float = 60.0
    deployments: int = 0
    pools: int = 0
    seed: int = 0

    path: str = ""
    """Where the instance is kept."""

    def at(self, deployments: int, pools: int, seed: int) -> "Asked":
        """Return the same for one instance."""
        return replace(self, deployments=deployments, pools=pools, seed=seed)

    @property
    def instance(self) -> Instance:
        """The instance, as it was kept."""
        found: Instance = pickle.loads(Path(self.path).read_bytes())  # noqa: S301  # written by this very program
        return found

    def generate(self) -> Instance:
        """Return the instance, made anew."""
        recipe = Recipe(
            self.deployments,
            self.pools,
            self.seed,
            family=Family(self.family),
            stock=Stock(self.stock),
            shapes=Shapes(self.shapes),
            tightness=self.tightness,
        )
        return generate(replace(recipe, running_fraction=0.0) if self.is_still else recipe)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run came to."""

    name: str
    seconds: float
    """Wall clock."""
    cpu_seconds: float
    dollars_per_hour: float = 0.0
    short: int = 0
    """Deployments that go short."""
    unserved_fraction: float = 0.0
    """Of the demand, each deployment weighed by what it usually costs."""
    equal_dollars: float = 0.0
    """Dollars per hour with what is not served bought at what it usually costs."""
    gap_fraction: float | None = None
    peak_mib: float = 0.0
    moved: int = 0
    """Replicas that start where they did not run, and were not asked for by the change."""
    inner: float = 0.0
    """Seconds of deciding alone."""
    parts: tuple["Figures", ...] = ()


def saved(asked: Asked, folder: str) -> Asked:
    """Generate the instance in a fresh process, and keep it in the folder."""
    kept = replace(asked, path=str(Path(folder) / f"{asked.deployments}-{asked.pools}-{asked.seed}"))
    _run(kept, "generate")
    return kept


def in_process(asked: Asked, name: str) -> Figures:
    """Return the figures of one run in a fresh process.

    Raises:
        RuntimeError: when that process failed.
    """
    return _read(json.loads(_run(asked, name)))


def _run(asked: Asked, name: str) -> str:
    command = [sys.executable, "-m", "tests.benchmarks.runs", name, json.dumps(asdict(asked))]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  # this very program
    if done.returncode:
        raise RuntimeError(f"wanted figures of {name} on {asked}, found: {done.stderr[-2000:]}")
    return done.stdout


def _read(document: dict[str, Any]) -> Figures:
    return Figures(**{**document, "parts": tuple(_read(part) for part in document["parts"])})


def make_plan(
    fleet: Fleet, workloads: Sequence[Workload], *, deadline_seconds: float | None, before: Plan | None
) -> Plan:
    """Call the planner: the one place that knows how."""
    if deadline_seconds is None:
        return plan(fleet, workloads, before=before)
    last_seconds = time.monotonic() + deadline_seconds
    return plan(fleet, workloads, is_late=lambda: time.monotonic() > last_seconds, before=before)


def planned(asked: Asked) -> Figures:
    """Return the figures of the planner."""
    instance = asked.instance
    base_mib = _peak_mib()
    began, began_cpu = time.perf_counter(), time.process_time()
    made = make_plan(instance.fleet, instance.workloads, deadline_seconds=asked.deadline_seconds, before=None)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
    peak_mib = max(base_mib, _peak_mib())
    counts: Counter[CandidateId] = Counter()
    for placement in made.placements:
        counts[placement.candidate.id] += placement.replicas
    offered = offer(instance.fleet, instance.workloads, tuple(made.candidates))
    figures = _judged("quartermaster", instance, result(offered, counts, seconds=cpu_seconds))
    short = max(len(made.shortfalls), figures.short)
    return replace(figures, seconds=seconds, short=short, gap_fraction=made.gap_fraction, peak_mib=peak_mib)


def baseline(name: str, solve: Callable[[Offer, Asked], Result]) -> Callable[[Asked], Figures]:
    """Return the runner of a baseline; making candidates is not in its seconds."""

    def run(asked: Asked) -> Figures:
        instance = asked.instance
        offered = offer(instance.fleet, instance.workloads, tuple(candidates(instance.fleet, instance.workloads)[0]))
        began = time.perf_counter()
        found = solve(offered, asked)
        figures = _judged(name, instance, found)
        gap = None
        if found.bound is not None and found.dollars_per_hour > 0 and not found.unserved_by_key:
            gap = max(0.0, 1 - found.bound / found.dollars_per_hour)
        return replace(figures, seconds=time.perf_counter() - began, gap_fraction=gap, peak_mib=_peak_mib())

    return run


def _judged(name: str, instance: Instance, found: Result) -> Figures:
    usual = instance.usual_dollars_by_key
    missing = sum(usual[key] * fraction for key, fraction in found.unserved_by_key.items())
    return Figures(
        name=name,
        seconds=found.seconds,
        cpu_seconds=found.seconds,
        dollars_per_hour=found.dollars_per_hour,
        short=len(found.unserved_by_key),
        unserved_fraction=missing / max(sum(usual.values()), 1e-9),
        equal_dollars=found.dollars_per_hour + missing,
    )


def same_service(asked: Asked) -> Figures:
    """Return for every baseline its cost, and the planner's for the very demand that the baseline could serve."""
    instance = asked.instance
    offered = offer(instance.fleet, instance.workloads, tuple(candidates(instance.fleet, instance.workloads)[0]))
    parts = []
    for name, solve in (("cheapest-first", cheapest_first), ("each-alone", each_alone), ("first-fit", first_fit)):
        found = solve(offered)
        left = [_cut(workload, 1 - found.unserved_by_key.get(workload.key, 0.0)) for workload in instance.workloads]
        served = [workload for workload in left if workload.demand.requests_per_second > 0]
        began, began_cpu = time.perf_counter(), time.process_time()
        made = make_plan(instance.fleet, served, deadline_seconds=asked.deadline_seconds, before=None)
        parts.append(
            Figures(
                name=name,
                seconds=time.perf_counter() - began,
                cpu_seconds=time.process_time() - began_cpu,
                dollars_per_hour=found.dollars_per_hour,
                equal_dollars=made.dollars_per_hour,
                short=len(made.shortfalls),
                gap_fraction=made.gap_fraction,
            )
        )
    return Figures("same-service", 0.0, 0.0, parts=tuple(parts))


def _cut(workload: Workload, fraction: float) -> Workload:
    wanted = workload.demand.requests_per_second * (fraction if fraction > NOTHING_FRACTION else 0.0)
    return replace(workload, demand=replace(workload.demand, requests_per_second=wanted))


def incremental(asked: Asked) -> Figures:
    """Return the figures of one change each, in a fleet on which the plan before runs; whole demands are kept."""
    instance = asked.instance
    fleet, workloads = instance.fleet, list(instance.workloads)
    newcomer = replace(workloads.pop(), running=())
    began, began_cpu = time.perf_counter(), time.process_time()
    first = make_plan(fleet, workloads, deadline_seconds=asked.deadline_seconds, before=None)
    whole = Figures("first", time.perf_counter() - began, time.process_time() - began_cpu)
    fleet, settled = live(fleet, workloads, first)
    second = make_plan(fleet, settled, deadline_seconds=asked.deadline_seconds, before=first)
    fleet, settled = live(fleet, workloads, second)
    third = make_plan(fleet, settled, deadline_seconds=asked.deadline_seconds, before=second)
    changes: list[tuple[str, Fleet, list[Workload]]] = [
        ("nothing", fleet, settled),
        ("new deployment", fleet, [*settled, newcomer]),
        ("lost node", *without_node(fleet, settled, third)),
        ("changed demand", fleet, [grown(settled[0]), *settled[1:]]),
    ]
    # What a process does once only, such as loading what was compiled, is not a change's.
    make_plan(fleet, [*settled, newcomer], deadline_seconds=asked.deadline_seconds, before=third)
    from quartermaster.controller.main import GARBAGE_THRESHOLDS  # noqa: PLC0415 - loads much that others do without

    gc.set_threshold(*GARBAGE_THRESHOLDS)
    gc.collect()
    parts, plans = [], []
    for name, after, asked_for in changes:
        began, began_cpu = time.perf_counter(), time.process_time()
        made = make_plan(after, asked_for, deadline_seconds=asked.deadline_seconds, before=third)
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
        plans.append(made)  # or the next one would pay for letting go of it
        parts.append(
            Figures(
                name=name,
                seconds=seconds,
                cpu_seconds=cpu_seconds,
                dollars_per_hour=made.dollars_per_hour,
                short=len(made.shortfalls),
                gap_fraction=made.gap_fraction,
                moved=_moved(second, made),
            )
        )
    return replace(whole, parts=tuple(parts), peak_mib=_peak_mib())


def live(fleet: Fleet, workloads: Sequence[Workload], made: Plan) -> tuple[Fleet, list[Workload]]:
    """Return the fleet and its workloads once the plan runs: every replica on a host that is named."""
    pool_by_name = {pool.name: pool for pool in fleet.pools}
    host_by_name = {host.name: host for pool in fleet.pools for host in pool.hosts}
    free = {name: host.available_chips for name, host in host_by_name.items()}
    rows: dict[Key, list[Running]] = {workload.key: [] for workload in workloads}
    order = sorted(made.placements, key=lambda p: (not p.zone, -p.candidate.shape.chips, p.id))
    for placement in order:
        candidate, size = placement.candidate, placement.candidate.shape.chips
        seats: list[str] = []
        hosts = [h for h in pool_by_name[candidate.pool].hosts if not placement.zone or h.zone == placement.zone]
        for _ in range(placement.replicas if size else 0):
            fitting = [h.name for h in hosts if free[h.name] >= size]
            if fitting:
                seats.append(min(fitting, key=lambda name: (free[name], name)))
                free[seats[-1]] -= size
        replicas = len(seats) if size else placement.replicas
        if replicas:
            row = Running(candidate.pool, candidate.shape.key, replicas, replicas, tuple(sorted(seats)), placement.zone)
            rows[candidate.workload].append(row)
    pools = [
        replace(pool, hosts=tuple(replace(host, free_chips=free[host.name]) for host in pool.hosts))
        for pool in fleet.pools
    ]
    settled = [
        replace(workload, running=tuple(sorted(rows[workload.key], key=lambda row: row.place)))
        for workload in workloads
    ]
    return replace(fleet, pools=tuple(pools)), settled


def without_node(fleet: Fleet, workloads: Sequence[Workload], made: Plan) -> tuple[Fleet, list[Workload]]:
    """Return the fleet without a node of the pool on which most replicas run, and what runs without its replicas."""
    counts: dict[str, int] = {}
    for placement in made.placements:
        counts[placement.candidate.pool] = counts.get(placement.candidate.pool, 0) + placement.replicas
    name = max(sorted(counts), key=lambda pool: counts[pool])
    (lost,) = [pool.hosts[0].name for pool in fleet.pools if pool.name == name]
    pools = [replace(pool, hosts=pool.hosts[1:]) if pool.name == name else pool for pool in fleet.pools]
    left = [_without_replicas(w, lost) if any(lost in row.hosts for row in w.running) else w for w in workloads]
    return replace(fleet, pools=tuple(pools)), left


def _without_replicas(workload: Workload, host: str) -> Workload:
    rows = []
    for row in workload.running:
        left = tuple(name for name in row.hosts if name != host)
        gone = len(row.hosts) - len(left)
        if row.replicas > gone:
            rows.append(replace(row, replicas=row.replicas - gone, ready=row.ready - gone, hosts=left))
    return replace(workload, running=tuple(rows))


def grown(workload: Workload) -> Workload:
    """Return the workload with more demand."""
    demand = replace(workload.demand, requests_per_second=workload.demand.requests_per_second * 1.3)
    return replace(workload, demand=demand)


def _moved(before: Plan, after: Plan) -> int:
    """Return the replicas that the later plan starts for deployments that the earlier one had placed."""
    had = {placement.id: placement.replicas for placement in before.placements}
    known = {placement.candidate.workload for placement in before.placements}
    return sum(
        max(0, placement.replicas - had.get(placement.id, 0))
        for placement in after.placements
        if placement.candidate.workload in known
    )


def from_files(asked: Asked) -> Figures:
    """Return the figures of the whole process that plans from files."""
    with tempfile.TemporaryDirectory() as folder:
        fleet, wanted = Path(folder, "fleet"), Path(folder, "wanted")
        fleet.mkdir()
        wanted.mkdir()
        for path in write(asked.instance, fleet):
            if path.stem == "inferencedeployments":
                path.rename(wanted / path.name)
        command = [sys.executable, "-m", "quartermaster.cli.main"]
        command += ["plan", "--fleet", str(fleet), "-f", str(wanted), "-o", "json"]
        began = time.perf_counter()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  # our own verb
        seconds = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in {0, 1}:
        raise RuntimeError(f"wanted a plan from the files, found: {done.stderr[-2000:]}")
    document = json.loads(done.stdout)
    cpu_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Figures(
        name="files",
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        dollars_per_hour=document["dollarsPerHour"],
        gap_fraction=document["gapFraction"],
        inner=document["solveSeconds"],
    )


def _peak_mib() -> float:
    """Return the most memory that this process ever had in RAM."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / MIB_KIB


def generated(asked: Asked) -> Figures:
    """Keep the instance, and tell how long it took to make."""
    began, began_cpu = time.perf_counter(), time.process_time()
    instance = asked.generate()
    Path(asked.path).write_bytes(pickle.dumps(instance))
    return Figures("generate", time.perf_counter() - began, time.process_time() - began_cpu, peak_mib=_peak_mib())


RUNNERS: dict[str, Callable[[Asked], Figures]] = {
    "generate": generated,
    "quartermaster": planned,
    "same-service": same_service,
    "incremental": incremental,
    "files": from_files,
    "cheapest-first": baseline("cheapest-first", lambda offered, _: cheapest_first(offered)),
    "first-fit": baseline("first-fit", lambda offered, _: first_fit(offered)),
    "each-alone": baseline("each-alone", lambda offered, _: each_alone(offered)),
    "compact": baseline("compact", lambda offered, asked: compact(offered, seconds=asked.compact_seconds)),
}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(RUNNERS[sys.argv[1]](Asked(**json.loads(sys.argv[2]))))))
