"""The order of the steps, and the words between them. What a step does lives beside this file."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path

import yaml

from examples.quickstart import install, offline, physics
from examples.quickstart.checks import Placed
from examples.quickstart.offline import DEPLOYMENTS, POOLS, RESTRICTED, Offline, placements_of
from examples.quickstart.page import Page
from examples.quickstart.programs import Programs
from examples.quickstart.rush import Rush
from examples.quickstart.told import Told
from examples.quickstart.wanted import FAILURES, NotAsWantedError, wait_for
from examples.quickstart.watch import watching
from tests.lab.cluster import Cluster
from tests.lab.fleet import EXAMPLE, example_fleet
from tests.lab.modelserver import Fleet, doubles

LOADED = "chat"
PLACED_SECONDS = 45.0
OPERATOR_LOG = "operator.log"


def tell(page: Page, *, is_once: bool) -> None:
    """Run the quick start to its end, or until Ctrl-C.

    Raises:
        NotAsWantedError: a step did not reach its state.
    """
    with Programs() as programs, offline.fleet_file() as fleet:
        made = _plan(page, fleet)
        if not programs.is_done:
            page.blank()
            page.say("Read on while the control plane is built, once for this machine:")
        programs.wait(page)
    page.chapter("A real control plane, a fleet, and Quartermaster on it")
    with Cluster.start() as cluster, _keeping_log(cluster):
        asyncio.run(_live(page, cluster, made, is_once=is_once))


def _plan(page: Page, fleet: Path) -> Offline:
    nodes = example_fleet()
    regions = {options["region"] for options in EXAMPLE}
    page.chapter(f"The plan, offline: three models on {len(nodes)} nodes in {len(regions)} regions")
    made = offline.plan(fleet)
    page.say(f"$ {made.command}")
    page.blank()
    page.block(made.text)
    return made


@contextmanager
def _keeping_log(cluster: Cluster) -> Iterator[None]:
    """Keep the operator's log when a step fails: the cluster's folder goes with the cluster."""
    try:
        yield
    except FAILURES as failure:
        log = cluster.directory / OPERATOR_LOG
        if log.exists():
            kept = Path(tempfile.mkdtemp(prefix="quartermaster-quickstart-")) / OPERATOR_LOG
            shutil.copy(log, kept)
            failure.add_note(f"the operator's log: {kept}")
        raise


async def _live(page: Page, cluster: Cluster, made: Offline, *, is_once: bool) -> None:
    await _install(page, cluster)
    async with _model_servers(cluster) as servers:
        page.chapter("Three models: where they run, and why")
        await _place(page, cluster, made)
        page.chapter(f"Load on {LOADED}: as declared, then four times as much, then none")
        async with watching(cluster, servers, LOADED) as watch:
            told = await Rush(page, watch).run()
        _summarise(page, cluster, told, is_once=is_once)
        if not is_once:
            await asyncio.Event().wait()


async def _install(page: Page, cluster: Cluster) -> None:
    page.item("control", f"API server, scheduler and controllers of Kubernetes, at {cluster.url}")
    nodes, _ = await asyncio.gather(
        asyncio.to_thread(install.add_nodes, cluster), asyncio.to_thread(install.install_chart, cluster)
    )
    page.item("nodes", f"{nodes} machines, played by KWOK, labelled as their clouds label them")
    page.item("helm", f"release {install.RELEASE} in namespace {install.NAMESPACE}: CRDs, RBAC, the operator")
    page.item("pools", f"{install.add_pools(cluster)} AcceleratorPools with prices and operators")
    await install.start_operator(cluster)
    page.item("operator", "a process of this machine, under the token of the chart's ServiceAccount")


def _model_servers(cluster: Cluster) -> AbstractAsyncContextManager[Fleet]:
    """Serve at the addresses of the pods, as fast as the planner believes that each replica is."""
    documents = [item for path in (*DEPLOYMENTS, POOLS) for item in yaml.safe_load_all(path.read_text("utf-8"))]
    facts = physics.facts_of_pods(physics.physics_by_place([*example_fleet(), *documents]))
    return doubles(cluster.kubeconfig(), facts)


async def _place(page: Page, cluster: Cluster, made: Offline) -> None:
    names = install.ask_for_models(cluster)
    await wait_for(
        f"{', '.join(names)} ready",
        lambda: install.are_ready(cluster),
        lambda told: len(told) == len(names) and all(text == "ready" for text in told.values()),
        timeout_seconds=PLACED_SECONDS,
    )
    placed = await asyncio.to_thread(Placed, cluster)
    placed.check()
    page.say("$ kubectl quartermaster status")
    page.blank()
    page.block(await asyncio.to_thread(install.status, cluster))
    page.blank()
    _explain(page, placed, made)
    _insist_same_plan(placed, made)


def _explain(page: Page, placed: Placed, made: Offline) -> None:
    """Say why each model runs where it does."""
    refusal = made.refusal(RESTRICTED, made.tempting_pool)
    page.item(
        RESTRICTED,
        f"stays in the European Union although {made.tempting_pool} is free and cheaper: its rule costs "
        f"${made.saving_dollars_per_hour:.2f} per hour. Refused there: {refusal['message']}.",
    )
    kinds = [f"{p['desired']} × {p['accelerator']}" for p in placed.placements(RESTRICTED)]
    chips = ", ".join(f"{amount} {name}" for name, amount in sorted(placed.chips_of_pods(RESTRICTED).items()))
    page.item("", f"The best European pool is too small for all of it, so it runs on {' and '.join(kinds)} ({chips}).")
    for placement in placed.placements("agents"):
        if placement.get("endpoint"):
            page.item(
                "agents",
                f"sends {float(placement['share']):.0%} of its load to {placement['pool']}, a hosted service on "
                f"{placement['accelerator']} that holds no pods; own chips take the rest. Each has as much as its "
                "part of all capacity.",
            )
    chips = ", ".join(f"{amount} {name}" for name, amount in placed.chips_of_pods(LOADED).items())
    page.item(LOADED, f"runs on small inference chips, one per replica ({chips}).")


def _insist_same_plan(placed: Placed, made: Offline) -> None:
    """Insist that the cluster runs what the plan from files said."""
    for name in placed.status_by_name:
        planned = {
            (p["pool"], p["shape"]): p["replicas"] for p in placements_of(made.plan, name) if not p["isExternal"]
        }
        seen = {(p["pool"], p["shape"]): p["desired"] for p in placed.placements(name) if not p.get("endpoint")}
        if planned != seen:
            raise NotAsWantedError(f"wanted {name} placed as planned offline, {planned}; saw {seen}")


def _summarise(page: Page, cluster: Cluster, told: Told, *, is_once: bool) -> None:
    page.chapter("What happened")
    for word, sentence in told.sentences():
        page.item(word, sentence)
    page.blank()
    if is_once:
        page.say("Everything was as wanted. What may come next:")
        lines = [
            "# The same, and it stays for you to play with:",
            "$ examples/quickstart/run",
            "# Other pools of three clouds, and other wishes, planned from files without a cluster:",
            "$ .venv/bin/kubectl-quartermaster plan --fleet examples/pools -f examples/deployments",
        ]
    else:
        page.say("Everything was as wanted, and keeps running until Ctrl-C. In another terminal, from this folder:")
        patch = json.dumps({"spec": {"scaling": {"minReplicas": 5}}})
        lines = [
            f"$ export KUBECONFIG={cluster.kubeconfig()} PATH=$PWD/.venv/bin:$PATH",
            f"$ kubectl-quartermaster status {RESTRICTED}",
            "$ python -m tests.lab kubectl get infd,pods -o wide",
            f"$ python -m tests.lab kubectl patch infd {LOADED} --type merge -p '{patch}'",
        ]
    page.blank()
    page.block("\n".join(lines))
