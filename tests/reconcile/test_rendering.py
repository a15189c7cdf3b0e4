"""What is as it was is not rendered again, and whatever could change an object makes it anew."""

from dataclasses import replace

from quartermaster.catalog.load import load_catalog
from quartermaster.reconcile.decide import decide
from quartermaster.reconcile.outcome import Memory
from tests.reconcile.test_decide import two_regions, wish
from tests.reconcile.world import World

KEY = "chat"


def settled() -> World:
    """Return a world in which one deployment has come to rest."""
    world = two_regions()
    world.create(wish(KEY))
    world.settle()
    return world


def test_a_look_at_a_settled_world_renders_and_tells_nothing_anew() -> None:
    """The memory holds what was rendered and told, and hands on the very same."""
    world = settled()
    observed = world.look()
    first = decide(observed, world.memory, catalog=load_catalog(), plan_seconds=60.0).memory
    second = decide(observed, first, catalog=load_catalog(), plan_seconds=60.0).memory
    for known, again in ((first.rendered_by_key, second.rendered_by_key), (first.told_by_key, second.told_by_key)):
        assert known
        assert all(known[key] is again[key] for key in known)


def test_a_memory_that_is_lost_changes_no_outcome() -> None:
    """With and without what was rendered before, the same is written after something was altered."""
    world = settled()
    world.deployments(KEY)[0]["spec"]["template"]["spec"]["containers"][0]["image"] = "example.com/other:1"
    observed = world.look()
    with_memory = decide(observed, world.memory, catalog=load_catalog(), plan_seconds=60.0)
    forgetful = replace(world.memory, rendered_by_key={}, told_by_key={}, face_by_pool={})
    without = decide(observed, forgetful, catalog=load_catalog(), plan_seconds=60.0)
    assert with_memory.apply == without.apply
    assert with_memory.apply
    assert with_memory.statuses == without.statuses
    assert decide(observed, Memory(), catalog=load_catalog(), plan_seconds=60.0).apply == without.apply


def test_a_pool_that_changes_in_what_pods_say_of_it_is_rendered_anew() -> None:
    """A taint that an AcceleratorPool explains becomes a toleration of its pods."""
    world = settled()
    selecting = {"nodeSelector": {"topology.kubernetes.io/region": "us-east-1"}}
    pool = {
        "apiVersion": "quartermaster.dev/v1alpha1",
        "kind": "AcceleratorPool",
        "metadata": {"name": "declared"},
        "spec": selecting,
    }
    world.create(pool)
    world.settle()
    (before,) = world.deployments(KEY)
    world.create({**pool, "spec": {**selecting, "tolerations": [{"key": "team", "effect": "NoSchedule"}]}})
    world.settle()
    (after,) = world.deployments(KEY)
    assert {"key": "team", "operator": "Exists", "effect": "NoSchedule"} in after["spec"]["template"]["spec"][
        "tolerations"
    ]
    assert before["metadata"]["name"] == after["metadata"]["name"]
