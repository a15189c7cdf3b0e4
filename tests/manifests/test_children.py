"""All children of a deployment: the right objects, in apply order, the same for permuted input."""

import pytest

from quartermaster.api.v1alpha1.enums import EngineName
from quartermaster.manifests.errors import ManifestError
from tests.manifests import world

WANTED = world.deployment()
HERE = world.pool("nvidia-h200-sxm")
THERE = world.pool("amd-mi300x", region="us-east-1")
HOSTED = world.external_pool("https://api.groq.com/openai/v1")
SHAPE = world.shape(EngineName.VLLM, 1)
PLACED = tuple((where, world.placement(WANTED, where, SHAPE)) for where in (HERE, THERE, HOSTED))


def test_objects_come_in_apply_order() -> None:
    """The address and the budget are there before the pods that they are for."""
    kinds = [rendered["kind"] for rendered in world.render(WANTED, *PLACED)]
    assert kinds == ["Service", "PodDisruptionBudget", "Deployment", "Service", "Deployment"]


def test_permuted_placements_give_equal_objects() -> None:
    """The order of a plan is no fact."""
    assert world.render(WANTED, *PLACED) == world.render(WANTED, *reversed(PLACED))


def test_a_deployment_without_placements_keeps_its_address() -> None:
    """Callers keep a name to call while nothing is placed."""
    assert [rendered["kind"] for rendered in world.render(WANTED)] == ["Service", "PodDisruptionBudget"]


def test_every_child_lives_and_dies_with_its_owner() -> None:
    """Garbage collection removes all of it, also while the operator is down."""
    for rendered in world.render(WANTED, *PLACED):
        (owner,) = rendered["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"]) == ("InferenceDeployment", "chat", WANTED.metadata.uid)
        assert owner["controller"]
        assert owner["blockOwnerDeletion"]
        assert rendered["metadata"]["namespace"] == world.NAMESPACE


def test_one_service_and_one_budget_stand_over_all_pods() -> None:
    """Load goes to every pool, and evictions are counted over all of them."""
    service, budget, *rest = world.render(WANTED, *PLACED)
    for rendered in rest:
        if rendered["kind"] == "Deployment":
            labels = rendered["spec"]["template"]["metadata"]["labels"]
            assert service["spec"]["selector"].items() <= labels.items()
            assert budget["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_an_address_becomes_endpoints_and_a_host_name_does_not() -> None:
    """An ExternalName cannot hold an address, and endpoints cannot hold a name."""
    named = world.render(WANTED, (HOSTED, world.placement(WANTED, HOSTED, SHAPE)))[2:]
    assert [(o["kind"], o["spec"]["externalName"]) for o in named] == [("Service", "api.groq.com")]
    address = world.external_pool("http://[2001:db8::1]:8080/v1")
    service, endpoints = world.render(WANTED, (address, world.placement(WANTED, address, SHAPE)))[2:]
    assert "selector" not in service["spec"]
    assert endpoints["addressType"] == "IPv6"
    assert endpoints["endpoints"][0]["addresses"] == ["2001:db8::1"]
    assert endpoints["ports"][0]["port"] == service["spec"]["ports"][0]["port"] == 8080
    assert endpoints["metadata"]["labels"]["kubernetes.io/service-name"] == service["metadata"]["name"]


@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.1.1", "[::1]", "224.0.0.1", "[::]"])
def test_an_address_that_endpoints_cannot_hold_is_refused(host: str) -> None:
    """The API server would refuse it with every try; the refusal says what to do instead."""
    where = world.external_pool(f"http://{host}:8000/v1")
    with pytest.raises(ManifestError, match="a host name or another address") as refusal:
        world.render(WANTED, (where, world.placement(WANTED, where, SHAPE)))
    assert refusal.value.reason == "EndpointNotRoutable"
