"""A thousand deployments live: a real API server, a fleet of fake nodes, and the operator under its chart's identity.

`python -m tests.benchmarks.thousand [--deployments 1000] [--pools 200] [--nodes 2 13] [--tightness 0.9] [--seed 0]
[--solve-seconds 10]`
makes an instance (`tests.benchmarks.instances`), puts its nodes, foreign pods and pools into a laboratory cluster,
starts the operator, applies the deployments, and waits until all is planned, applied, bound, Ready and told. Then it
watches the settled world, and makes one change of each kind: a demand, a lost node, a new deployment. What it prints is
kept in `RESULTS.md`. The pods run no model server: every scrape is refused at once.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from quartermaster.api import names
from tests.benchmarks.instances.files import write
from tests.benchmarks.instances.generate import Instance, generate
from tests.benchmarks.instances.recipe import Recipe
from tests.lab import fleet, operator
from tests.lab.cluster import Cluster, Options
from tests.lab.objects import has_condition
from tests.lab.operator import USER, Operator

Object = dict[str, Any]

NAMESPACE = "default"
SETTLED_SECONDS = 1200.0
READY_SECONDS = 300.0
CHANGED_SECONDS = 300.0
LOOK_SECONDS = 2.0
WATCHED_SECONDS = 60.0
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """What the operator's process has used until a moment."""

    at_seconds: float
    cpu_seconds: float
    decisions: float

    @classmethod
    def of(cls, process: Operator) -> "Usage":
        """Read it from the kernel and from the process's own metrics."""
        stat = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        cpu_seconds = (int(stat[11]) + int(stat[12])) / TICKS_PER_SECOND
        return cls(time.monotonic(), cpu_seconds, process.metric("quartermaster_decide_seconds_count"))


def peak_mebibytes(process: Operator) -> float:
    """Return the most memory that the process ever held."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise LookupError(f"/proc/{process.pid}/status: wanted VmHWM, found none")


class Bench:
    """One cluster with its operator, and what is measured of them."""

    def __init__(self, cluster: Cluster, process: Operator) -> None:
        """Nothing is measured yet."""
        self._cluster = cluster
        self._process = process

    def wishes(self) -> list[Object]:
        """Return every InferenceDeployment."""
        return self._cluster.get("inferencedeployments", None, NAMESPACE)

    def place(self, wishes: list[Object]) -> None:
        """Apply the deployments and tell what happens until nothing is under way any more."""
        began = time.monotonic()
        self._cluster.apply(wishes)
        self._say("all applied to the API server", began)
        self._until(began, "all planned", lambda rows: all(row.get("status", {}).get("decision") for row in rows))
        self._until(began, "all placed replicas ready, all told", _is_settled)
        self._say_of_children(began)

    def _until(self, began: float, what: str, is_true: Callable[[list[Object]], bool]) -> None:
        deadline = began + SETTLED_SECONDS
        while True:
            rows = self.wishes()
            if is_true(rows):
                self._say(what, began)
                return
            if time.monotonic() > deadline:
                why = Counter(_under_way(row) for row in rows)
                raise TimeoutError(f"waited {SETTLED_SECONDS:g} s until {what}; still: {dict(why.most_common(8))}")
            time.sleep(LOOK_SECONDS)

    def _say(self, what: str, began: float) -> None:
        usage = Usage.of(self._process)
        print(
            f"{time.monotonic() - began:7.1f} s  {what}; operator: {usage.cpu_seconds:.1f} s CPU, peak"
            f" {peak_mebibytes(self._process):.0f} MiB, {usage.decisions:.0f} decisions",
            flush=True,
        )

    def _say_of_children(self, began: float) -> None:
        pods = self._cluster.get("pods", None, NAMESPACE, names.DEPLOYMENT_LABEL)
        bound = sum("nodeName" in pod["spec"] for pod in pods)
        conditions = Counter(f"{c['type']}={c['status']}" for row in self.wishes() for c in row["status"]["conditions"])
        self._say(f"{bound} of {len(pods)} pods bound; {dict(sorted(conditions.items()))}", began)
        for has_replanned in (True, False):
            told = [line for line in self._process.log() if line.get("has_replanned") is has_replanned]
            seconds = [line["decide_seconds"] for line in told]
            if seconds:
                print(
                    f"           {len(seconds)} decisions {'with a' if has_replanned else 'without a'} new plan that"
                    f" changed something: median {median(seconds):.3f} s, longest {max(seconds):.3f} s; gaps"
                    f" {', '.join(sorted({format(line['gap_fraction'], '.4f') for line in told}))}"
                )
        print(f"           gap of the plan {self._process.metric('quartermaster_plan_gap_fraction'):.4f}")
        requests: Counter[str] = Counter()
        for line in self._process.get("/metrics")[1].splitlines():
            if line.startswith("quartermaster_api_requests_total{"):
                series, _, value = line.rpartition(" ")
                labels = dict(part.split("=") for part in series.partition("{")[2].rstrip("}").split(","))
                requests[f"{labels['verb']} {labels['resource']} {labels['code']}".replace('"', "")] += int(
                    float(value)
                )
        print(f"           requests: {dict(sorted(requests.items()))}")

    def rest(self) -> None:
        """Watch the settled world for a while."""
        mark, before = self._cluster.audit.mark(), Usage.of(self._process)
        time.sleep(WATCHED_SECONDS)
        after = Usage.of(self._process)
        writes = [e for e in self._cluster.audit.writes(since=mark, user=USER) if e.resource != "leases"]
        rounds = max(1.0, after.decisions - before.decisions)
        cpu = after.cpu_seconds - before.cpu_seconds
        print(
            f"settled for {WATCHED_SECONDS:g} s: {len(writes)} writes, {rounds:.0f} decisions, {cpu:.1f} s CPU,"
            f" {cpu / rounds:.2f} s CPU a decision",
            flush=True,
        )

    def lose(self, node: str) -> None:
        """Delete a node; tell when its replicas serve elsewhere. Where its pool has room nothing has to be decided."""
        before, told, began = self._replicas(), len(self._process.log()), time.monotonic()
        self._cluster.delete("nodes", node)
        self._cluster.wait("the node's pods are gone", lambda: self._has_left(node), CHANGED_SECONDS)
        time.sleep(LOOK_SECONDS)
        self._until(began, "a node was lost, and all is settled again", _is_settled)
        after = self._replicas()
        moved = {child: after[child] - before[child] for child in before.keys() | after.keys()}
        changed = {child: by for child, by in sorted(moved.items()) if by}
        print(f"a lost node: children changed {changed}; plans {self._plans_since(told)}", flush=True)

    def _has_left(self, node: str) -> bool:
        pods = self._cluster.get("pods", None, NAMESPACE, names.DEPLOYMENT_LABEL)
        return all(pod["spec"].get("nodeName") != node and "nodeName" in pod["spec"] for pod in pods)

    def change(self, what: str, name: str, act: Callable[[], object]) -> None:
        """Make one change; tell when the first child of the deployment was changed, and what moved."""
        before, told = self._replicas(), len(self._process.log())
        mark, began = self._cluster.audit.mark(), time.monotonic()
        act()
        self._cluster.wait(f"{what} is answered", lambda: self._has_written(mark, name), CHANGED_SECONDS)
        seconds = time.monotonic() - began
        time.sleep(LOOK_SECONDS)
        self._until(began, "settled again", _is_settled)
        after = self._replicas()
        moved = {child: after[child] - before[child] for child in before.keys() | after.keys()}
        others = sum(abs(by) for child, by in moved.items() if not child.startswith(f"{name}-"))
        own = {child: by for child, by in moved.items() if by and child.startswith(f"{name}-")}
        print(
            f"{what}: the first child is changed after {seconds:.2f} s; {own}; of others {others};"
            f" plans {self._plans_since(told)}",
            flush=True,
        )

    def _plans_since(self, told: int) -> dict[str, int]:
        """Return why plans were made that changed something, and how many."""
        return dict(Counter(reason for line in self._process.log()[told:] if (reason := line.get("plan_reason"))))

    def _replicas(self) -> Counter[str]:
        ours = f"{names.MANAGED_BY_LABEL}={names.MANAGED_BY},{names.DEPLOYMENT_LABEL}"
        children = self._cluster.get("deployments", None, NAMESPACE, ours)
        return Counter({child["metadata"]["name"]: child["spec"]["replicas"] for child in children})

    def _has_written(self, mark: int, name: str) -> bool:
        writes = self._cluster.audit.writes(since=mark, user=USER, resource="deployments")
        return any(event.name.startswith(name) for event in writes)


def _is_settled(rows: list[Object]) -> bool:
    return all(_under_way(row) == "" for row in rows)


def _under_way(row: Object) -> str:
    """Return why a deployment has not settled; empty when it has."""
    status = row.get("status", {})
    if status.get("observedGeneration") != row["metadata"]["generation"]:
        return "not observed"
    if has_condition(row, "Reconciling", "False"):
        return ""
    return next((c["reason"] for c in status.get("conditions", []) if c["type"] == "Reconciling"), "no condition")


def _machine(node: Object) -> Object:
    """Return a node as KWOK plays it: with room for pods, and Ready."""
    metadata = {**node["metadata"], "annotations": {fleet.KWOK: "fake"}}
    chips = node["status"]["allocatable"]
    room = {"cpu": "192", "memory": "2000Gi", "pods": "110", "ephemeral-storage": "1000Gi", **chips}
    labels = {"kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux", **metadata["labels"]}
    spec = {"providerID": f"kwok://{metadata['name']}"}
    return {
        **node,
        "metadata": {**metadata, "labels": labels},
        "spec": spec,
        "status": {"capacity": room, "allocatable": room},
    }


def populate(cluster: Cluster, instance: Instance) -> list[Object]:
    """Put the fleet of the instance into the cluster; returns its deployments."""
    with tempfile.TemporaryDirectory() as folder:
        items_by_kind = {path.stem: json.loads(path.read_text())["items"] for path in write(instance, Path(folder))}
    nodes = [_machine(node) for node in items_by_kind["nodes"]]
    cluster.apply(nodes)
    cluster.apply([_bound(pod) for pod in items_by_kind["pods"]])
    cluster.wait(
        "every node is ready", lambda: all(has_condition(node, "Ready") for node in cluster.get("nodes")), READY_SECONDS
    )
    pools = items_by_kind["acceleratorpools"]
    cluster.apply(pools)
    print(f"{len(nodes)} nodes in {len(pools)} pools, {instance.planted_fraction:.1%} of the chips planted", flush=True)
    wishes: list[Object] = items_by_kind["inferencedeployments"]
    return wishes


def _bound(pod: Object) -> Object:
    """Return a pod of others as somebody would write it."""
    return {key: value for key, value in pod.items() if key != "status"}


def _demand(rows: list[Object]) -> Object:
    """Return a deployment that serves a declared load on few replicas."""
    served = [row for row in rows if has_condition(row, "Ready") and "traffic" in row["spec"]]
    return min(served, key=lambda row: (abs(row["status"]["replicas"] - 4), row["metadata"]["name"]))


def main() -> int:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.thousand")
    parser.add_argument("--deployments", type=int, default=1000)
    parser.add_argument("--pools", type=int, default=200)
    parser.add_argument("--nodes", type=int, nargs=2, default=(2, 13), help="fewest and most nodes of a pool")
    parser.add_argument("--tightness", type=float, default=0.9)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--solve-seconds", type=float, help="how long a plan is sought; the operator's own when absent")
    given = parser.parse_args()
    settings = {} if given.solve_seconds is None else {"SOLVE_SECONDS": str(given.solve_seconds)}
    recipe = Recipe(
        deployments=given.deployments,
        pools=given.pools,
        nodes=tuple(given.nodes),
        tightness=given.tightness,
        seed=given.seed,
        running_fraction=0.0,
    )
    instance = generate(recipe)
    with Cluster.start(Options(has_endpoints=False)) as cluster:
        operator.install(cluster)
        wishes = populate(cluster, instance)
        with operator.operator(cluster, settings=settings) as process:
            bench = Bench(cluster, process)
            new, wishes = wishes[-1], wishes[:-1]
            bench.place(wishes)
            bench.rest()
            _changes(bench, cluster, new)
    return 0


def _changes(bench: Bench, cluster: Cluster, new: Object) -> None:
    chosen = _demand(bench.wishes())
    name = chosen["metadata"]["name"]
    rate = str(round(float(chosen["spec"]["traffic"]["requestsPerSecond"]) * 1.5, 6))
    traffic = {"spec": {"traffic": {"requestsPerSecond": rate}}}
    bench.change(
        "a demand half as large again",
        name,
        lambda: cluster.patch("inferencedeployments", name, traffic, namespace=NAMESPACE),
    )
    pods = cluster.get("pods", None, NAMESPACE, f"{names.DEPLOYMENT_LABEL}={name}")
    node = pods[0]["spec"]["nodeName"]
    bench.lose(node)
    bench.change("a new deployment", new["metadata"]["name"], lambda: cluster.apply(new))


if __name__ == "__main__":
    sys.exit(main())
