"""What is written, and what is undone: drift is repaired, one broken object stops no other, nothing stays behind."""

import time
from collections.abc import Callable

import pytest

from quartermaster.api import names
from tests.e2e.wishes import Object, on, wish
from tests.e2e.world import World
from tests.lab import fleet
from tests.lab.operator import USER

CHIP, REGION = "nvidia-l4", "us-east-1"


@pytest.fixture(scope="module", autouse=True)
def nodes(world: World) -> None:
    """Put the module's machines up: sixteen small GPUs."""
    world.apply(*fleet.nodes(accelerator=CHIP, platform="eks", region=REGION, count=4))


def _chat(namespace: str) -> Object:
    return wish("chat", namespace, rate="0.2", scaling={"minReplicas": 2}, placement=on(CHIP))


@pytest.fixture(scope="module")
def shared(world: World) -> str:
    """Return the namespace of a deployment ``chat`` with two replicas, for tests that leave it as it was."""
    return world.cluster.create_namespace("settled")


@pytest.fixture
def settled(world: World, shared: str) -> str:
    """Return the shared namespace when ``chat`` has come to rest."""
    world.apply(_chat(shared))
    world.wait_ready(shared, "chat")
    return shared


def _deployment(world: World, namespace: str) -> Object:
    (found,) = world.deployments(namespace, "chat")
    return found


def _edit_deployment(path: str, value: object) -> Callable[[World, str], None]:
    def edit(world: World, namespace: str) -> None:
        name = _deployment(world, namespace)["metadata"]["name"]
        change = [{"op": "replace", "path": path, "value": value}]
        world.cluster.patch("deployments", name, change, namespace=namespace)

    return edit


def _edit_service(world: World, namespace: str) -> None:
    change = {"spec": {"selector": {names.DEPLOYMENT_LABEL: "somebody-else"}}}
    world.cluster.patch("services", "chat", change, namespace=namespace)


def _edit_budget(world: World, namespace: str) -> None:
    change = {"spec": {"maxUnavailable": "100%", "minAvailable": None}}
    world.cluster.patch("poddisruptionbudgets", "chat", change, namespace=namespace)


_AFFINITY = "/spec/template/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution"
_TERM = {"matchExpressions": [{"key": "kubernetes.io/os", "operator": "Exists"}]}
_CONTAINER = "/spec/template/spec/containers/0"

EDITS: dict[str, Callable[[World, str], None]] = {
    "fewer replicas": _edit_deployment("/spec/replicas", 1),
    "more replicas": _edit_deployment("/spec/replicas", 5),
    "image": _edit_deployment(f"{_CONTAINER}/image", "example.com/somebody/elses:1"),
    "arguments": _edit_deployment(f"{_CONTAINER}/args/0", "--model=somebody/elses"),
    "affinity": _edit_deployment(f"{_AFFINITY}/nodeSelectorTerms/0", _TERM),
    "chips": _edit_deployment(f"{_CONTAINER}/resources", {}),
    "service selector": _edit_service,
    "disruption budget": _edit_budget,
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_of_a_child_is_undone(world: World, settled: str, edit: str) -> None:
    """Whatever somebody changed by hand is as it was declared again, and then at rest."""
    before = _specs(world, settled)
    mark = world.cluster.audit.mark()

    EDITS[edit](world, settled)

    world.wait(f"{edit} is as it was", lambda: _is_repaired(world, settled, mark, before))
    world.wait_ready(settled, "chat")
    assert _specs(world, settled) == before


def _specs(world: World, namespace: str) -> dict[str, Object]:
    """Return the spec of every child, by kind and name."""
    kinds = ("deployments", "services", "poddisruptionbudgets")
    return {
        f"{kind}/{item['metadata']['name']}": item["spec"]
        for kind in kinds
        for item in world.cluster.get(kind, None, namespace)
    }


def _is_repaired(world: World, namespace: str, mark: int, before: dict[str, Object]) -> bool:
    has_written = any(event.namespace == namespace for event in world.writes(since=mark))
    return has_written and _specs(world, namespace) == before


@pytest.mark.parametrize("kind", ["deployments", "services", "poddisruptionbudgets"])
def test_a_deleted_child_comes_back(world: World, settled: str, kind: str) -> None:
    """It is another object with the same content."""
    (before,) = world.cluster.get(kind, None, settled)
    world.cluster.delete(kind, before["metadata"]["name"], settled)

    def is_back() -> bool:
        found = world.cluster.get(kind, None, settled)
        return len(found) == 1 and found[0]["metadata"]["uid"] != before["metadata"]["uid"]

    world.wait(f"one of the {kind} is back", is_back)
    world.wait_ready(settled, "chat")
    (after,) = world.cluster.get(kind, None, settled)
    for fresh in ("clusterIP", "clusterIPs"):
        before["spec"].pop(fresh, None)
        after["spec"].pop(fresh, None)
    assert after["spec"] == before["spec"]


def test_an_unknown_model_is_told_and_stops_no_other(world: World, namespace: str) -> None:
    """The broken one says what to do; its neighbour is placed as if it were alone."""
    world.apply(
        wish("broken", namespace, model="no-such-model"),
        wish("good", namespace, rate="0.2", placement=on(CHIP)),
    )
    world.wait_ready(namespace, "good")
    told = world.wait("the broken one is told", lambda: world.condition(namespace, "broken", "Stalled") or None)
    assert told is not None
    assert (told["status"], told["reason"]) == ("True", "ModelUnknown")
    assert "spec.model.facts" in told["message"]
    assert world.ask("status", "broken", "-n", namespace)[0] == 1
    assert world.deployments(namespace, "broken") == []


def test_a_namespace_that_refuses_writes_holds_up_no_other(world: World, namespace: str, settled: str) -> None:
    """A quota forbids Services here: neighbours are served within seconds, and the refused write is not hammered."""
    refusing = world.cluster.create_namespace(f"full-{namespace[-4:]}")
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "full", "namespace": refusing}}
    world.apply({**quota, "spec": {"hard": {"services": "0"}}})
    world.wait("the quota counts", lambda: world.cluster.get("resourcequotas", "full", refusing)["status"].get("hard"))
    world.apply(wish("refused", refusing, rate="0.2", placement=on(CHIP)))
    mark = world.cluster.audit.mark()
    world.wait("a write was refused", lambda: _refused(world, mark, refusing) >= 3, timeout_seconds=40)

    started = time.monotonic()
    world.cluster.patch("inferencedeployments", "chat", {"spec": {"scaling": {"minReplicas": 3}}}, namespace=settled)
    world.wait("the neighbour grows", lambda: len(world.ready_pods(settled, "chat")) == 3)
    print(f"a neighbour of a refusing namespace grew within {time.monotonic() - started:.2f} s")  # noqa: T201 - measured
    assert world.deployments(refusing, "refused"), "what can be written is written"

    world.cluster.delete("resourcequotas", "full", refusing)
    world.wait("the Service is there", lambda: world.cluster.get("services", None, refusing), timeout_seconds=45)
    world.cluster.delete("namespaces", refusing)


def _refused(world: World, mark: int, namespace: str) -> int:
    tried = world.cluster.audit.writes(since=mark, user=USER, resource="services")
    return sum(event.namespace == namespace and event.code == 403 for event in tried)


def test_an_event_is_told_once_for_each_change(world: World, namespace: str) -> None:
    """A deployment that became ready has been told so in one event, however often it was looked at since."""
    world.apply(_chat(namespace))
    world.wait_ready(namespace, "chat")
    world.wait("it is told", lambda: _events(world, namespace, "Serving"))
    decided = world.operator.metric("quartermaster_decide_seconds_count")
    world.wait("ten more decisions", lambda: world.operator.metric("quartermaster_decide_seconds_count") > decided + 10)
    (told,) = _events(world, namespace, "Serving")
    assert told.get("series") is None
    assert told["regarding"]["name"] == "chat"


def _events(world: World, namespace: str, reason: str) -> list[Object]:
    events = world.cluster.get("events.events.k8s.io", None, namespace)
    return [event for event in events if event["reason"] == reason]


def test_a_wish_that_is_withdrawn_leaves_nothing_behind(world: World, namespace: str) -> None:
    """Deployments, Services, budgets, EndpointSlices and pods go; the chips are free again."""
    world.apply(_chat(namespace))
    world.wait_ready(namespace, "chat")
    assert all(world.children(namespace)[kind] for kind in ("deployments", "services", "pods"))
    world.cluster.delete("inferencedeployments", "chat", namespace)
    world.wait("every child is gone", lambda: not any(world.children(namespace).values()))
