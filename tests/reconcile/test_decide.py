"""The decision over a world in memory: what it writes, that it comes to rest, and that order does not matter."""

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

from quartermaster.api import names
from quartermaster.catalog.load import load_catalog
from quartermaster.reconcile.decide import decide
from quartermaster.reconcile.outcome import Memory
from quartermaster.reconcile.waiting import LONGEST_WAIT_SECONDS, Wait
from tests.lab import fleet
from tests.reconcile.world import START, World

EU, US = "europe-west4", "us-east-1"


def wish(name: str, **spec: Any) -> dict[str, Any]:
    """Return an InferenceDeployment of an 8B model with some load."""
    base: dict[str, Any] = {
        "model": {"name": "llama-3.1-8b-instruct"},
        "traffic": {"inputTokens": 1000, "outputTokens": 200, "requestsPerSecond": "2"},
    }
    return {
        "apiVersion": names.API_VERSION,
        "kind": "InferenceDeployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {**base, **spec},
    }


def h100(region: str, count: int = 1) -> list[dict[str, Any]]:
    """Return H100 nodes of one region."""
    platform = "eks" if region == US else "gke"
    return fleet.nodes(accelerator="nvidia-h100-sxm", platform=platform, region=region, count=count)


def two_regions() -> World:
    """Return a world with H100 nodes in the EU and, cheaper, in the US."""
    world = World()
    world.create(*h100(EU), *h100(US))
    return world


def test_a_wish_becomes_objects_and_a_status_and_then_rests() -> None:
    """Service, budget and one Deployment per placement; then nothing is written any more."""
    world = two_regions()
    world.create(wish("chat"))
    world.settle()
    assert [document["spec"]["replicas"] for document in world.deployments("chat")] == [1]
    assert len(world.of("Service")) == len(world.of("PodDisruptionBudget")) == 1
    assert world.condition("chat", "Ready")["status"] == "True"
    assert world.turn().is_settled


def test_an_eu_only_model_stays_in_the_eu_though_the_us_is_cheaper() -> None:
    """The rule comes before the price, and the refusal is in the status."""
    world = two_regions()
    world.create(wish("free"), wish("bound", compliance={"residency": {"jurisdictions": ["EU"]}}))
    world.settle()
    assert {p["region"] for p in world.status("free")["placements"]} == {US}
    assert {p["region"] for p in world.status("bound")["placements"]} == {EU}
    (refused,) = [row for row in world.status("bound")["rejections"] if row["rule"] == "residency"]
    assert "US" in refused["message"]
    assert refused["remedy"]


def test_a_shortfall_is_an_answer_and_never_a_breach() -> None:
    """Without an EU node the model waits, and says what would help."""
    world = World()
    world.create(*h100(US), wish("bound", compliance={"residency": {"jurisdictions": ["EU"]}}))
    world.settle()
    assert world.deployments("bound") == []
    assert world.condition("bound", "Placed")["status"] == "False"
    assert world.condition("bound", "Stalled")["status"] == "True"


def test_one_broken_object_never_stops_the_others() -> None:
    """A wish that cannot be read, and one for a model that nobody knows, are told so; the third is served."""
    world = two_regions()
    unreadable = wish("unreadable")
    unreadable["spec"]["scaling"] = {"minReplicas": "many"}
    world.create(unreadable, wish("unknown", model={"name": "no-such-model"}), wish("good"))
    world.settle()
    assert world.condition("good", "Ready")["status"] == "True"
    assert world.condition("unreadable", "Stalled")["reason"] == "InvalidSpec"
    assert "minReplicas" in world.condition("unreadable", "Stalled")["message"]
    assert world.condition("unknown", "Stalled")["reason"] == "ModelUnknown"


def test_drift_is_repaired_and_named() -> None:
    """Whoever changes a child sees it changed back, with the field in the reason."""
    world = two_regions()
    world.create(wish("chat"))
    world.settle()
    (child,) = world.deployments("chat")
    child["spec"]["template"]["spec"]["containers"][0]["image"] = "elsewhere/image:1"
    outcome = world.turn()
    assert ["image" in entry.reason for entry in outcome.apply] == [True]
    world.settle()


def test_a_lost_memory_changes_nothing_that_runs() -> None:
    """A process that starts anew, an hour later, finds its own work and leaves it alone, statuses included."""
    world = two_regions()
    world.create(wish("chat"), wish("bound", compliance={"residency": {"jurisdictions": ["EU"]}}))
    world.settle()
    later = replace(world.look(), now=START + timedelta(hours=1))
    assert decide(later, Memory(), catalog=load_catalog(), plan_seconds=60.0).is_settled


def test_capacity_moves_before_it_leaves() -> None:
    """When nodes are cordoned, the new replicas are ready before the old ones go."""
    world = two_regions()
    world.create(wish("chat"))
    world.settle()
    for node in world.of("Node"):
        if node["metadata"]["labels"]["topology.kubernetes.io/region"] == US:
            node["spec"]["unschedulable"] = True
    first = world.turn()
    assert [entry.manifest["kind"] for entry in first.apply] == ["Deployment"]
    assert first.delete == ()
    world.settle()
    assert {p["region"] for p in world.status("chat")["placements"]} == {EU}
    assert len(world.deployments("chat")) == 1


def test_what_serves_stays_where_there_is_nowhere_to_go() -> None:
    """A cordon of everything is told as a shortfall that somebody must end, and takes no replica away."""
    world = two_regions()
    world.create(wish("chat", scaling={"minReplicas": 3}, placement={"regions": {"required": [US]}}))
    world.settle()
    before = world.deployments("chat")
    for node in world.of("Node"):
        node["spec"]["unschedulable"] = True
    world.settle()
    assert [d["spec"]["replicas"] for d in world.deployments("chat")] == [d["spec"]["replicas"] for d in before]
    assert world.condition("chat", "Placed")["status"] == "False"
    assert world.condition("chat", "Reconciling")["status"] == "False"
    assert world.condition("chat", "Stalled")["status"] == "True"
    for node in world.of("Node"):
        node["spec"]["unschedulable"] = False
    world.settle()
    assert world.condition("chat", "Ready")["status"] == "True"


def test_what_breaks_a_rule_goes_even_where_there_is_nowhere_to_go() -> None:
    """Data that must stay in the EU is not served from elsewhere for want of room there."""
    world = World()
    world.create(*h100(US), wish("chat"))
    world.settle()
    wished = next(d for d in world.of("InferenceDeployment"))
    wished["spec"]["compliance"] = {"residency": {"jurisdictions": ["EU"]}}
    world.settle()
    assert world.deployments("chat") == []
    assert world.condition("chat", "Placed")["status"] == "False"


def test_the_load_that_was_observed_outlives_the_process() -> None:
    """A new process believes the status, so that it does not fall back to what was declared."""
    world = two_regions()
    world.create(wish("chat"))
    world.settle()
    world.status("chat")["demand"] = {
        "requestsPerSecond": "60",
        "inputTokens": 1000,
        "outputTokens": 200,
        "waitingRequests": 0,
        "source": "Measured",
    }
    world.memory = Memory()
    world.settle()
    assert sum(document["spec"]["replicas"] for document in world.deployments("chat")) > 1


def test_equal_worlds_give_equal_outcomes_in_any_order() -> None:
    """Permuting what was seen changes nothing."""
    world = two_regions()
    world.create(wish("a"), wish("b", priority=5), wish("c", compliance={"residency": {"jurisdictions": ["EU"]}}))
    seen = world.look()
    shuffled = replace(
        seen,
        nodes=tuple(random.Random(1).sample(seen.nodes, len(seen.nodes))),
        deployments=tuple(reversed(seen.deployments)),
    )
    catalog = load_catalog()
    one, two = (decide(s, Memory(), catalog=catalog, plan_seconds=60.0) for s in (seen, shuffled))
    assert (one.apply, one.delete, one.statuses, one.events) == (two.apply, two.delete, two.statuses, two.events)
    assert [dict(a.manifest) for a in one.apply] == [dict(b.manifest) for b in two.apply]


def test_children_that_only_carry_our_labels_are_left_alone() -> None:
    """An object belongs to an InferenceDeployment by its owner, not by a label that controllers copy."""
    world = two_regions()
    world.create(wish("chat"))
    world.settle()
    labels = {names.MANAGED_BY_LABEL: names.MANAGED_BY, names.DEPLOYMENT_LABEL: "chat"}
    world.create(
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": "chat-abc",
                "namespace": "default",
                "labels": labels,
                "ownerReferences": [{"apiVersion": "v1", "kind": "Service", "name": "chat", "controller": True}],
            },
        }
    )
    assert world.turn().is_settled


def test_time_alone_asks_for_no_plan_while_replicas_find_their_nodes() -> None:
    """What was planned gets the time to start; one that waits for longer than any drain is planned anew."""
    world = two_regions()
    world.create(wish("chat"))
    world.settle()
    world.now_seconds += 61.0
    (placement,) = world.memory.plan.placements if world.memory.plan else ()
    began = {placement.id: Wait(1, world.now_seconds - 10.0)}
    catalog = load_catalog()
    for waiting, has_replanned in (({}, True), (began, False)):
        memory = replace(world.memory, wait_by_id=waiting)
        assert decide(world.look(), memory, catalog=catalog, plan_seconds=60.0).has_replanned is has_replanned
    world.now_seconds += LONGEST_WAIT_SECONDS
    memory = replace(world.memory, wait_by_id=began)
    assert decide(world.look(), memory, catalog=catalog, plan_seconds=60.0).has_replanned
