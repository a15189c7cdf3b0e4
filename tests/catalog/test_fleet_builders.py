"""The laboratory's nodes are recognised as what they were built as, on every platform that offers the chip."""

import pytest

from quartermaster.api.v1alpha1 import AcceleratorPool
from quartermaster.catalog.discovery import (
    Identified,
    capacity_type_of,
    identify,
    instance_type_of,
    provider_of,
    region_of,
    zone_of,
)
from quartermaster.catalog.load import load_catalog
from tests.lab.fleet import KWOK, Object, example_fleet, external_pool, fleet, nodes
from tests.lab.machines import MACHINES

CATALOG = load_catalog()
REGION_BY_PLATFORM = {"aks": "swedencentral", "bare": "my-hall", "eks": "us-east-1", "gke": "europe-west4"}
UNRECOGNISABLE = {"huawei-ascend-950pr"}
"""Nothing was read about the labels of its nodes."""

ON_BARE_METAL = sorted(
    name
    for name, accelerator in CATALOG.accelerators_by_name.items()
    if accelerator.is_schedulable
    and name not in UNRECOGNISABLE
    and any(selector.platform == "any" for selector in accelerator.selectors)
)


def _identify(node: Object) -> Identified:
    capacity = {name: int(text) for name, text in node["status"]["capacity"].items() if "/" in name}
    found = identify(node["metadata"]["labels"], capacity)
    assert isinstance(found, Identified), found
    return found


@pytest.mark.parametrize(("platform", "name"), sorted(MACHINES), ids=str)
@pytest.mark.parametrize("feature_discovery", [False, True])
def test_a_cloud_node_is_recognised_as_what_it_was_built_as(
    platform: str, name: str, *, feature_discovery: bool
) -> None:
    """Round trip: builder → labels → the same accelerator, with and without the vendor's feature discovery."""
    region = REGION_BY_PLATFORM[platform]
    for node in nodes(accelerator=name, platform=platform, region=region, feature_discovery=feature_discovery):
        found = _identify(node)
        assert found.accelerator.name == name
        assert found.chips == int(node["status"]["allocatable"][found.resource_name])


@pytest.mark.parametrize("name", ON_BARE_METAL)
def test_a_server_of_ones_own_is_recognised_by_feature_discovery(name: str) -> None:
    """Every chip that has a resource and a label of its own."""
    (node,) = nodes(accelerator=name, region="my-hall")
    assert _identify(node).accelerator.name == name


def test_every_rentable_accelerator_can_be_recognised_somewhere() -> None:
    """On one platform at least."""
    rentable = {name for name, a in CATALOG.accelerators_by_name.items() if a.is_schedulable} - UNRECOGNISABLE
    assert rentable == set(ON_BARE_METAL) | {name for _, name in MACHINES}


@pytest.mark.parametrize("capacity_type", ["OnDemand", "Spot", "Reserved"])
@pytest.mark.parametrize("platform", ["aks", "eks", "gke"])
def test_locality_and_capacity_type_are_read_back(platform: str, capacity_type: str) -> None:
    """AKS has no label for reserved capacity; the others say all three."""
    region = REGION_BY_PLATFORM[platform]
    made = nodes(accelerator="nvidia-h100-sxm", platform=platform, region=region, count=4, capacity_type=capacity_type)
    labels = [node["metadata"]["labels"] for node in made]
    expected = "OnDemand" if (platform, capacity_type) == ("aks", "Reserved") else capacity_type
    assert {capacity_type_of(each) for each in labels} == {expected}
    assert {region_of(each) for each in labels} == {region}
    assert len({zone_of(each) for each in labels}) == 3
    assert {provider_of(n["metadata"]["labels"], n["spec"]["providerID"]) for n in made} == {
        {"aks": "azure", "eks": "aws", "gke": "gcp"}[platform]
    }
    assert all(instance_type_of(each) for each in labels)


def test_every_node_is_one_that_kwok_plays() -> None:
    """Annotation, taint, providerID, hostname, and room for pods."""
    for node in example_fleet():
        name, labels = node["metadata"]["name"], node["metadata"]["labels"]
        assert node["metadata"]["annotations"][KWOK] == "fake"
        assert node["spec"]["providerID"]
        assert labels["kubernetes.io/hostname"] == name
        assert len(name) <= 63
        assert {"cpu", "memory", "pods", "ephemeral-storage"} <= node["status"]["allocatable"].keys()


def test_label_values_are_ones_that_the_api_server_takes() -> None:
    """At most 63 characters."""
    for node in (*example_fleet(), *fleet(100, seed=3)):
        assert all(len(value) <= 63 for value in node["metadata"]["labels"].values())


def test_gke_taints_its_accelerator_nodes_and_eks_does_not() -> None:
    """As the platforms do by themselves."""
    keys = {
        platform: {t["key"] for t in nodes(accelerator="nvidia-l4", platform=platform, region="r")[0]["spec"]["taints"]}
        for platform in ("eks", "gke")
    }
    assert keys == {"eks": set(), "gke": {"nvidia.com/gpu"}}


def test_the_example_fleet_has_three_regions_and_three_classes_of_chips() -> None:
    """GPUs, TPUs and inference chips of six vendors, about forty nodes, each recognised."""
    made = example_fleet()
    found = [_identify(node).accelerator for node in made]
    assert 35 <= len(made) <= 45
    assert len({node["metadata"]["name"] for node in made}) == len(made)
    assert {region_of(n["metadata"]["labels"]) for n in made} == {"us-east-1", "europe-west4", "asia-northeast1"}
    assert {a.accelerator_class.value for a in found} == {"GPU", "TPU", "InferenceChip"}
    assert {a.vendor for a in found} == {"AMD", "AWS", "Google", "Intel", "NVIDIA"}


@pytest.mark.parametrize("count", [1, 7, 150, 500])
def test_a_random_fleet_has_the_size_asked_for_and_repeats(count: int) -> None:
    """Equal seeds give equal fleets, so that a benchmark can be run again."""
    made = fleet(count, seed=count)
    assert len(made) == count
    assert made == fleet(count, seed=count)
    assert len({node["metadata"]["name"] for node in made}) == count
    assert all(_identify(node) for node in made)


def test_a_machine_that_no_platform_offers_is_refused() -> None:
    """The error says what was wanted."""
    with pytest.raises(ValueError, match="wanted google-tpu-v6e with any chips on eks"):
        nodes(accelerator="google-tpu-v6e", platform="eks", region="us-east-1")


def test_an_external_pool_is_a_valid_object() -> None:
    """It states endpoint, capacity and price, and has no nodes."""
    pool = external_pool(
        name="lpu",
        endpoint="https://api.example.com/v1",
        models=["llama-3.3-70b-instruct"],
        accelerator="groq-lpu-v1",
        region="us-east-1",
        jurisdictions=["US"],
        operator="example",
    )
    assert AcceleratorPool.model_validate(pool).spec.external
