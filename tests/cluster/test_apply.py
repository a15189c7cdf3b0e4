"""Writing many objects to the real API server: repaired drift, no needless write, failures held apart."""

from collections.abc import Callable
from typing import Any

import pytest

from quartermaster.cluster import apply, resources
from quartermaster.cluster.call import Victim
from quartermaster.cluster.client import Client
from quartermaster.manifests import drift
from tests.cluster.meddler import Meddler
from tests.lab.cluster import Cluster
from tests.manifests import world
from tests.manifests.cases import NVIDIA_LABELS, WISHES

Make = Callable[..., dict[str, Any]]
MAPS = resources.CONFIG_MAPS
POD = "/spec/template/spec"
SERVER = f"{POD}/containers/0"
TERMS = f"{POD}/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms"

Edit = tuple[str, list[dict[str, Any]]]


def _put(path: str, value: Any) -> list[dict[str, Any]]:
    return [{"op": "add", "path": path, "value": value}]


def _drop(path: str) -> list[dict[str, Any]]:
    return [{"op": "remove", "path": path}]


EDITS: dict[str, Edit] = {
    "fewer replicas": ("deployments", _put("/spec/replicas", 0)),
    "another image": ("deployments", _put(f"{SERVER}/image", "elsewhere/image:1")),
    "an argument more": ("deployments", _put(f"{SERVER}/args/-", "--extra")),
    "no arguments": ("deployments", _drop(f"{SERVER}/args")),
    "another value of a variable": ("deployments", _put(f"{SERVER}/env/0/value", "/elsewhere")),
    "a variable fewer": ("deployments", _drop(f"{SERVER}/env/0")),
    "another amount of chips": (
        "deployments",
        _put(f"{SERVER}/resources/limits/nvidia.com~1gpu", "1")
        + _put(f"{SERVER}/resources/requests/nvidia.com~1gpu", "1"),
    ),
    "less memory": ("deployments", _put(f"{SERVER}/resources/requests/memory", "1Gi")),
    "another port": ("deployments", _put(f"{SERVER}/ports/0/containerPort", 9000)),
    "a variable from elsewhere": (
        "deployments",
        _drop(f"{SERVER}/env/0/value")
        + _put(f"{SERVER}/env/0/valueFrom", {"fieldRef": {"fieldPath": "metadata.name"}}),
    ),
    "no readiness probe": ("deployments", _drop(f"{SERVER}/readinessProbe")),
    "a more patient probe": ("deployments", _put(f"{SERVER}/livenessProbe/failureThreshold", 99)),
    "no drain": ("deployments", _drop(f"{SERVER}/lifecycle")),
    "a writable root": ("deployments", _put(f"{SERVER}/securityContext/allowPrivilegeEscalation", value=True)),
    "a capability": ("deployments", _put(f"{SERVER}/securityContext/capabilities/drop", ["KILL"])),
    "a toleration more": ("deployments", _put(f"{POD}/tolerations/-", {"operator": "Exists"})),
    "no tolerations": ("deployments", _drop(f"{POD}/tolerations")),
    "another region": (
        "deployments",
        _put(
            f"{TERMS}/-",
            {"matchExpressions": [{"key": "anywhere", "operator": "Exists"}]},
        ),
    ),
    "no affinity": ("deployments", _drop(f"{POD}/affinity")),
    "a token": ("deployments", _put(f"{POD}/automountServiceAccountToken", value=True)),
    "a shorter grace time": ("deployments", _put(f"{POD}/terminationGracePeriodSeconds", 40)),
    "another user": ("deployments", _put(f"{POD}/securityContext/runAsUser", 7)),
    "less shared memory": ("deployments", _put(f"{POD}/volumes/2/emptyDir/sizeLimit", "1Mi")),
    "another zone": ("deployments", _put(f"{TERMS}/0/matchExpressions/2/values", ["eu-west-1b"])),
    "breaking before making": ("deployments", _put("/spec/strategy/rollingUpdate/maxUnavailable", 1)),
    "a label gone from the pods": ("deployments", _drop("/spec/template/metadata/labels/example.com~1team")),
    "a label gone": ("deployments", _drop("/metadata/labels/app.kubernetes.io~1managed-by")),
    "the digest gone": ("deployments", _drop("/metadata/annotations")),
    "another target": ("services", _put("/spec/ports/0/targetPort", 9)),
    "a selector more": ("services", _put("/spec/selector/extra", "yes")),
    "another selector": ("services", _put("/spec/selector", {"app": "elsewhere"})),
    "another kind of service": ("services", _put("/spec/type", "NodePort")),
    "a looser budget": ("poddisruptionbudgets", _put("/spec/maxUnavailable", "100%")),
    "a budget of others": ("poddisruptionbudgets", _put("/spec/selector/matchLabels/extra", "yes")),
    "another eviction policy": ("poddisruptionbudgets", _drop("/spec/unhealthyPodEvictionPolicy")),
}


def _children(namespace: str) -> dict[str, dict[str, Any]]:
    """The Service, the budget and the Deployment of one placement that asks for everything, by plural."""
    wanted = world.deployment("chat", namespace=namespace, **WISHES)
    where = world.pool("nvidia-h200-sxm", labels=NVIDIA_LABELS)
    rendered = world.render(wanted, *world.zoned(wanted, where, {"eu-west-1a": 2}))
    for item in rendered:
        # Their owner is not in this cluster, and the garbage collector would take them along.
        del item["metadata"]["ownerReferences"]
    return {resources.of(item).plural: item for item in rendered}


async def _seen(client: Client, document: dict[str, Any]) -> dict[str, Any]:
    metadata = document["metadata"]
    return await client.get(resources.of(document), metadata["namespace"], metadata["name"])


async def test_a_settled_world_gets_no_write(client: Client, cluster: Cluster, namespace: str) -> None:
    """What was applied and read back is no different, however the API server filled and rewrote it."""
    wanted = _children(namespace)
    results = await apply.apply_objects(client, wanted.values())
    assert [result.error for result in results] == [None, None, None]
    mark = cluster.audit.mark()
    for document in wanted.values():
        assert drift.difference(document, await _seen(client, document)) is None
    assert not [event for event in cluster.audit.writes(since=mark) if event.user == "admin"]


@pytest.mark.parametrize("name", EDITS)
async def test_drift_is_seen_and_repaired(client: Client, cluster: Cluster, namespace: str, name: str) -> None:
    """Whatever someone edits of what we declare is found and mended, and then there is nothing to write."""
    plural, patch = EDITS[name]
    document = _children(namespace)[plural]
    await apply.apply_objects(client, [document])
    cluster.patch(plural, document["metadata"]["name"], patch, namespace=namespace)
    assert drift.differs(document, await _seen(client, document))
    (result,) = await apply.apply_objects(client, [document])
    assert result.error is None
    assert drift.difference(document, await _seen(client, document)) is None


async def test_a_repair_by_replacement_leaves_one_owner(client: Client, cluster: Cluster, namespace: str) -> None:
    """Or what it wrote could never be removed by an apply again."""
    plural, patch = EDITS["another port"]
    document = _children(namespace)[plural]
    await apply.apply_objects(client, [document])
    cluster.patch(plural, document["metadata"]["name"], patch, namespace=namespace)
    await apply.apply_objects(client, [document])
    del document["spec"]["template"]["spec"]["containers"][0]["ports"]
    (result,) = await apply.apply_objects(client, [document])
    assert result.error is None
    seen = await _seen(client, document)
    assert "ports" not in seen["spec"]["template"]["spec"]["containers"][0]
    assert {e["manager"] for e in seen["metadata"]["managedFields"]} >= {"quartermaster"}
    assert "quartermaster-repair" not in {e["manager"] for e in seen["metadata"]["managedFields"]}


async def test_an_object_of_others_is_never_replaced(client: Client, cluster: Cluster, namespace: str) -> None:
    """Where what we declare cannot be merged into it, the refusal is told and the object stays."""
    plural, patch = EDITS["another port"]
    document = _children(namespace)[plural]
    name = document["metadata"]["name"]
    cluster.apply(document)
    cluster.patch(plural, name, patch, namespace=namespace)
    before = await _seen(client, document)
    (result,) = await apply.apply_objects(client, [document])
    assert result.error is not None
    assert result.error.is_invalid
    after = await _seen(client, document)
    assert after["spec"] == before["spec"]
    assert after["metadata"]["generation"] == before["metadata"]["generation"]


async def test_what_others_add_stays_and_is_no_drift(client: Client, cluster: Cluster, namespace: str) -> None:
    """An annotation, a label, an injected container and its volume: not ours, and no reason to write for ever."""
    document = _children(namespace)["deployments"]
    await apply.apply_objects(client, [document])
    additions = [
        *_put("/metadata/annotations/example.org~1theirs", "1"),
        *_put("/metadata/labels/theirs", "1"),
        *_put(f"{POD}/containers/-", {"name": "injected", "image": "x"}),
        *_put(f"{POD}/volumes/-", {"name": "injected", "emptyDir": {}}),
    ]
    cluster.patch("deployments", document["metadata"]["name"], additions, namespace=namespace)
    assert drift.difference(document, await _seen(client, document)) is None


async def test_what_we_declare_no_more_is_removed(client: Client, namespace: str) -> None:
    """The digest tells that there is something to apply, and the field manager what to remove."""
    document = _children(namespace)["deployments"]
    await apply.apply_objects(client, [document])
    container = document["spec"]["template"]["spec"]["containers"][0]
    dropped = container["env"].pop()
    assert drift.differs(document, await _seen(client, document))
    await apply.apply_objects(client, [document])
    seen = await _seen(client, document)
    assert dropped["name"] not in {
        variable["name"] for variable in seen["spec"]["template"]["spec"]["containers"][0]["env"]
    }
    assert drift.difference(document, seen) is None


async def test_the_failure_of_one_object_is_its_own(client: Client, namespace: str, config_map: Make) -> None:
    """The others are applied; results come in the order asked for, each with the object's identity or its error."""
    wanted = [config_map("a"), config_map("Not_Valid"), config_map("b", x="1")]
    first, second, third = await apply.apply_objects(client, wanted)
    assert (first.is_done, second.is_done, third.is_done) == (True, False, True)
    assert second.error is not None
    assert second.error.is_invalid
    stored = await client.get(MAPS, namespace, "b")
    assert (third.uid, third.resource_version) == (stored["metadata"]["uid"], stored["metadata"]["resourceVersion"])


async def test_kinds_are_applied_in_their_order(
    meddled: Client, meddler: Meddler, namespace: str, config_map: Make
) -> None:
    """What others lean on comes first, in whatever order it was given; results keep the order given."""
    children = _children(namespace)
    given = [children["deployments"], children["poddisruptionbudgets"], children["services"], config_map("a")]
    results = await apply.apply_objects(meddled, given)
    assert [result.resource.plural for result in results] == [
        "deployments",
        "poddisruptionbudgets",
        "services",
        "configmaps",
    ]
    applied = [path.split("/")[-2] for method, path, _ in meddler.requests if method == "PATCH"]
    assert applied == ["configmaps", "services", "poddisruptionbudgets", "deployments"]


async def test_an_object_of_an_unknown_kind_is_refused_before_anything_is_sent(
    client: Client, namespace: str, config_map: Make
) -> None:
    """It is a mistake in our own code, not in the world."""
    with pytest.raises(LookupError):
        await apply.apply_objects(client, [config_map("a"), {"apiVersion": "x/v1", "kind": "Odd", "metadata": {}}])
    assert await client.list(MAPS, namespace, query={"labelSelector": "made-by=test"}) == []


async def test_deletes_end_well_where_the_object_is_gone_and_badly_where_it_was_replaced(
    client: Client, namespace: str, config_map: Make
) -> None:
    """The end that was wanted is reached, or another object stands there and is left alone."""
    results = await apply.apply_objects(client, [config_map(name) for name in ("there", "gone", "replaced")])
    victims = [Victim(MAPS, namespace, result.name, result.uid) for result in results]
    for victim in victims[1:]:
        await client.delete(victim)
    await client.apply(MAPS, config_map("replaced"))
    there, gone, replaced = await apply.delete_objects(client, victims)
    assert (there.is_done, gone.is_done, replaced.is_done) == (True, True, False)
    assert replaced.error is not None
    assert replaced.error.is_conflict
    left = await client.list(MAPS, namespace, query={"labelSelector": "made-by=test"})
    assert [item["metadata"]["name"] for item in left] == ["replaced"]


async def test_status_of_several_objects_is_written_each_for_itself(
    client: Client, cluster: Cluster, namespace: str
) -> None:
    """One that is gone is an error of its own."""
    (stored,) = cluster.apply(_children(namespace)["poddisruptionbudgets"])
    status = {"status": {"observedGeneration": stored["metadata"]["generation"]}}
    gone = {**stored, "metadata": {**stored["metadata"], "name": "gone"}}
    written, failed = await apply.apply_status(client, [{**stored, **status}, {**gone, **status}])
    assert written.uid == stored["metadata"]["uid"]
    assert failed.error is not None
    assert failed.error.is_not_found
