"""Operators and API servers that die: one process writes at a time, nothing is lost, nothing is done twice.

Beside them a second cluster, which had settled before, is left alone for the whole time: there, nothing is done at all.
"""

import time
from collections.abc import Iterator

import pytest

from tests.e2e.quiet import Quiet, quiet
from tests.e2e.wishes import on, wish
from tests.e2e.world import World
from tests.lab import components, fleet, operator
from tests.lab.cluster import Cluster
from tests.lab.operator import NAMESPACE, RELEASE, Operator

CHIP = "nvidia-l4"
FIRST, SECOND = "operator-1", "operator-2"
OUTAGE_SECONDS = 2.0
QUIET_SECONDS = 60.0
SETTINGS = {"SCALE_SECONDS": "1"}


@pytest.fixture(scope="module", autouse=True)
def settled() -> Iterator[Quiet]:
    """Yield a world of its own that settled before the first test."""
    with quiet() as found:
        yield found


@pytest.fixture(scope="module", autouse=True)
def installed(cluster: Cluster) -> None:
    """Install the chart and put the module's machines up."""
    operator.install(cluster)
    operator.let_garbage_be_collected(cluster)
    cluster.apply(fleet.nodes(accelerator=CHIP, platform="eks", region="us-east-1", count=4))


@pytest.fixture
def namespace(cluster: Cluster, namespace: str) -> Iterator[str]:
    """Yield a namespace that is empty again before the next test, so that nobody writes into it any more then."""
    yield namespace
    cluster.delete("inferencedeployments", "chat", namespace)
    cluster.wait("the pods are gone", lambda: not cluster.get("pods", None, namespace))


@pytest.fixture
def world(cluster: Cluster, namespace: str) -> Iterator[World]:
    """Yield a world whose operator a test may kill: another one is started for the next test."""
    del namespace  # it is there before the operator, and goes after it
    # The lease of an operator that was killed stands for fifteen seconds; nobody else needs it between two tests.
    cluster.delete("leases", RELEASE, NAMESPACE)
    with operator.operator(cluster, name=FIRST, settings=SETTINGS) as process:
        yield World(cluster, process)


def _chat(namespace: str, replicas: int) -> dict[str, object]:
    return wish("chat", namespace, rate="0.2", scaling={"minReplicas": replicas}, placement=on(CHIP))


def _holder(cluster: Cluster) -> str:
    return str((cluster.find("leases", RELEASE, NAMESPACE) or {}).get("spec", {}).get("holderIdentity", ""))


def _has(world: World, namespace: str, replicas: int) -> bool:
    return len(world.ready_pods(namespace, "chat")) == replicas


def test_of_two_operators_one_writes_and_the_other_takes_over(world: World, cluster: Cluster, namespace: str) -> None:
    """The second is ready and silent until the first is killed; then it goes on where that one stood."""
    with operator.operator(cluster, name=SECOND, settings=SETTINGS) as second:
        mark = cluster.audit.mark()
        world.apply(_chat(namespace, 2))
        world.wait_ready(namespace, "chat")
        assert _holder(cluster) == FIRST
        assert _writers(world, mark, second) == (True, False)
        assert [each.metric("quartermaster_leader") for each in (world.operator, second)] == [1.0, 0.0]

        world.operator.kill()
        killed = time.monotonic()
        world.apply(_chat(namespace, 3))
        taken = World(cluster, second)
        taken.wait("the second writes", lambda: _has(taken, namespace, 3), timeout_seconds=45)
        print(f"an operator took over {time.monotonic() - killed:.1f} s after the other was killed")  # noqa: T201 - measured
        assert _holder(cluster) == SECOND
        taken.wait_ready(namespace, "chat")
        since = cluster.audit.mark()
        _look_again(taken)
        assert taken.writes(since=since) == []


def _writers(world: World, mark: int, second: Operator) -> tuple[bool, bool]:
    """Return which of the two has sent what changes objects, as their own figures tell."""
    made = [
        sum(each.metric("quartermaster_api_requests_total", verb=verb) for verb in ("apply", "create", "patch"))
        for each in (world.operator, second)
    ]
    assert world.writes(since=mark)
    return made[0] > 0, made[1] > 0


def _look_again(world: World, times: int = 4) -> None:
    """Wait until the operator has decided a few times more."""
    before = world.operator.metric("quartermaster_decide_seconds_count")
    world.wait(
        "further decisions", lambda: world.operator.metric("quartermaster_decide_seconds_count") >= before + times
    )


def test_an_operator_that_starts_anew_finds_everything_done(world: World, cluster: Cluster, namespace: str) -> None:
    """It remembers nothing, sees what is there, and writes nothing; then it works on."""
    world.apply(_chat(namespace, 2))
    world.wait_ready(namespace, "chat")
    world.operator.kill()
    mark = cluster.audit.mark()
    world.operator.start()
    world.operator.wait_ready()
    _look_again(world)
    assert world.writes(since=mark) == []
    world.apply(_chat(namespace, 3))
    world.wait("it works on", lambda: _has(world, namespace, 3))


def test_what_is_deleted_while_no_operator_runs_leaves_nothing_behind(
    world: World, cluster: Cluster, namespace: str
) -> None:
    """Children belong to their InferenceDeployment: Kubernetes collects them, and no finalizer holds them up."""
    world.apply(_chat(namespace, 2))
    world.wait_ready(namespace, "chat")
    assert cluster.get("inferencedeployments", "chat", namespace)["metadata"].get("finalizers") is None
    world.operator.kill()
    cluster.delete("inferencedeployments", "chat", namespace)
    world.wait("every child is gone", lambda: not any(world.children(namespace).values()))
    world.operator.start()
    world.operator.wait_ready()
    mark = cluster.audit.mark()
    _look_again(world)
    assert world.writes(since=mark) == []


def test_a_change_made_while_the_operator_is_stopped_is_made_up_for(world: World, namespace: str) -> None:
    """Stopped by SIGTERM it ends by itself, gives the lease away, and its successor starts at once."""
    world.apply(_chat(namespace, 1))
    world.wait_ready(namespace, "chat")
    world.operator.stop()
    assert world.operator.exit_code == 0
    assert _holder(world.cluster) == ""
    world.apply(_chat(namespace, 2))
    started = time.monotonic()
    world.operator.start()
    world.wait("the change is made", lambda: _has(world, namespace, 2))
    print(f"a successor had made a change {time.monotonic() - started:.1f} s after its start")  # noqa: T201 - measured


def test_an_api_server_that_is_killed_and_comes_back_is_outlived(
    world: World, cluster: Cluster, namespace: str
) -> None:
    """The operator stays alive meanwhile, and goes on by itself."""
    world.apply(_chat(namespace, 2))
    world.wait_ready(namespace, "chat")
    process = world.operator.pid
    server = cluster.component(components.API_SERVER)
    server.kill()
    time.sleep(OUTAGE_SECONDS)
    # What it knows is good for longer than an upgrade of the API server takes, so it stays ready, too.
    assert (world.operator.get("/healthz")[0], world.operator.get("/readyz")[0]) == (200, 200)
    server.start()
    server.wait_ready()
    started = time.monotonic()
    mark = cluster.audit.mark()
    world.apply(_chat(namespace, 3))
    world.wait("it works on", lambda: _has(world, namespace, 3))
    print(f"a change was made {time.monotonic() - started:.1f} s after the API server came back")  # noqa: T201 - measured
    world.wait_ready(namespace, "chat")
    assert (world.operator.is_running, world.operator.pid) == (True, process)
    assert {event.resource for event in world.writes(since=mark)} <= {
        "deployments",
        "inferencedeployments",
        "poddisruptionbudgets",
        "events",
    }


def test_a_settled_world_gets_no_write_in_a_minute(settled: Quiet) -> None:
    """Placed, split, spread, short, external, unplannable: nothing is written again, events and statuses included."""
    time.sleep(max(0.0, settled.since_seconds + QUIET_SECONDS - time.monotonic()))
    assert [event.uri for event in settled.requests()] == []
    assert settled.decisions > 20, "it did not even look"
    assert settled.plans > 3
