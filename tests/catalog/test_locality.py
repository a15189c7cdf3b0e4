"""Provider, region, zone and capacity type are read from labels; taints follow from them."""

import pytest

from quartermaster.catalog.discovery import capacity_type_of, instance_type_of, provider_of, region_of, zone_of
from quartermaster.catalog.load import load_catalog
from quartermaster.catalog.taints import expected_taints
from quartermaster.catalog.vocabulary import CapacityType, Provider

CATALOG = load_catalog()


@pytest.mark.parametrize(
    ("labels", "provider_id", "provider"),
    [
        ({}, "aws:///us-east-1a/i-0abc", "aws"),
        ({}, "gce://project/europe-west4-a/node", "gcp"),
        ({}, "azure:///subscriptions/x/resourceGroups/y", "azure"),
        ({}, "ocid1.instance.oc1.eu-frankfurt-1.abc", "oci"),
        ({"karpenter.k8s.aws/instance-family": "p5"}, "kwok://node", "aws"),
        ({"eks.amazonaws.com/nodegroup": "gpu"}, "", "aws"),
        ({"cloud.google.com/gke-nodepool": "tpu"}, "", "gcp"),
        ({"kubernetes.azure.com/agentpool": "gpu"}, "", "azure"),
        ({"node.coreweave.cloud/class": "gpu"}, "", "coreweave"),
        ({"kubernetes.io/os": "linux"}, "kwok://node", None),
        ({}, "", None),
    ],
)
def test_the_provider_is_the_one_that_the_node_names(
    labels: dict[str, str], provider_id: str, provider: str | None
) -> None:
    """The providerID first, then the domains of labels; a server of one's own has none."""
    assert provider_of(labels, provider_id) == provider


@pytest.mark.parametrize(
    ("labels", "capacity_type"),
    [
        ({}, "OnDemand"),
        ({"karpenter.sh/capacity-type": "spot"}, "Spot"),
        ({"karpenter.sh/capacity-type": "on-demand"}, "OnDemand"),
        ({"karpenter.sh/capacity-type": "reserved"}, "Reserved"),
        ({"eks.amazonaws.com/capacityType": "SPOT"}, "Spot"),
        ({"eks.amazonaws.com/capacityType": "CAPACITY_BLOCK"}, "Reserved"),
        ({"cloud.google.com/gke-spot": "true"}, "Spot"),
        ({"cloud.google.com/gke-preemptible": "true"}, "Spot"),
        ({"cloud.google.com/gke-provisioning": "spot"}, "Spot"),
        ({"cloud.google.com/gke-provisioning": "standard"}, "OnDemand"),
        ({"cloud.google.com/gke-provisioning": "standard", "cloud.google.com/reservation-name": "r"}, "Reserved"),
        ({"kubernetes.azure.com/scalesetpriority": "spot"}, "Spot"),
        ({"kubernetes.azure.com/scalesetpriority": "regular"}, "OnDemand"),
    ],
)
def test_the_capacity_type_is_what_the_platform_says(labels: dict[str, str], capacity_type: str) -> None:
    """Nodes that say nothing are not taken away: OnDemand."""
    assert capacity_type_of(labels) == capacity_type


def test_region_and_zone_come_from_the_topology_labels() -> None:
    """The older labels serve where the newer are missing; nothing is guessed."""
    new = {"topology.kubernetes.io/region": "eu-west-1", "topology.kubernetes.io/zone": "eu-west-1a"}
    old = {f"failure-domain.beta.{label.removeprefix('topology.')}": value for label, value in new.items()}
    assert (region_of(new), zone_of(new)) == (region_of(old), zone_of(old)) == ("eu-west-1", "eu-west-1a")
    assert (region_of({}), zone_of({}), instance_type_of({})) == (None, None, None)


def test_spot_nodes_have_the_taint_of_their_platform() -> None:
    """AKS and GKE taint Spot nodes; AWS does not."""
    chip = CATALOG.accelerator("nvidia-l4")
    keys = {
        provider: [t.key for t in expected_taints(chip, provider, CapacityType.SPOT)]
        for provider in (Provider.AWS, Provider.AZURE, Provider.GCP)
    }
    assert keys == {
        "aws": ["nvidia.com/gpu"],
        "azure": ["nvidia.com/gpu", "kubernetes.azure.com/scalesetpriority"],
        "gcp": ["nvidia.com/gpu", "cloud.google.com/gke-spot"],
    }
    assert [t.key for t in expected_taints(CATALOG.accelerator("google-tpu-v6e"))] == ["google.com/tpu"]


def test_arm_nodes_have_the_taint_of_their_architecture() -> None:
    """GKE keeps images for amd64 away from them."""
    assert ("kubernetes.io/arch", "arm64") in [
        (taint.key, taint.value) for taint in expected_taints(CATALOG.accelerator("nvidia-gb200"))
    ]
