"""Where a node stands and how it was bought, read from its labels.

Sources: Kubernetes well-known labels; Karpenter, EKS, GKE and AKS documentation of node labels, read 2026-11-21.
"""

from collections.abc import Mapping

from quartermaster.catalog.vocabulary import CapacityType, Provider

REGION = "topology.kubernetes.io/region"
ZONE = "topology.kubernetes.io/zone"
INSTANCE_TYPE = "node.kubernetes.io/instance-type"

PROVIDER_ID_PREFIXES = (
    ("aws://", Provider.AWS),
    ("azure://", Provider.AZURE),
    ("coreweave://", Provider.COREWEAVE),
    ("gce://", Provider.GCP),
    ("oci://", Provider.OCI),
    ("ocid1.", Provider.OCI),
)
LABEL_DOMAINS = (
    ("karpenter.k8s.aws", Provider.AWS),
    ("eks.amazonaws.com", Provider.AWS),
    ("karpenter.azure.com", Provider.AZURE),
    ("kubernetes.azure.com", Provider.AZURE),
    ("coreweave.cloud", Provider.COREWEAVE),
    ("cloud.google.com", Provider.GCP),
    ("oraclecloud.com", Provider.OCI),
)
CAPACITY_LABELS: Mapping[str, Mapping[str, CapacityType]] = {
    "karpenter.sh/capacity-type": {
        "on-demand": CapacityType.ON_DEMAND,
        "reserved": CapacityType.RESERVED,
        "spot": CapacityType.SPOT,
    },
    "eks.amazonaws.com/capacityType": {
        "CAPACITY_BLOCK": CapacityType.RESERVED,
        "ON_DEMAND": CapacityType.ON_DEMAND,
        "SPOT": CapacityType.SPOT,
    },
    "cloud.google.com/gke-spot": {"true": CapacityType.SPOT},
    "cloud.google.com/gke-preemptible": {"true": CapacityType.SPOT},
    "cloud.google.com/gke-provisioning": {
        "preemptible": CapacityType.SPOT,
        "reservation": CapacityType.RESERVED,
        "spot": CapacityType.SPOT,
    },
    "kubernetes.azure.com/scalesetpriority": {"spot": CapacityType.SPOT},
    "node.kubernetes.io/lifecycle": {"spot": CapacityType.SPOT},
}
RESERVATION_NAME = "cloud.google.com/reservation-name"


def provider_of(labels: Mapping[str, str], provider_id: str = "") -> Provider | None:
    """Return the cloud that the node's ``spec.providerID`` names, otherwise the one whose labels it carries."""
    for prefix, provider in PROVIDER_ID_PREFIXES:
        if provider_id.startswith(prefix):
            return provider
    domains = {label.split("/", maxsplit=1)[0] for label in labels if "/" in label}
    for domain, provider in LABEL_DOMAINS:
        if any(d == domain or d.endswith(f".{domain}") for d in domains):
            return provider
    return None


def capacity_type_of(labels: Mapping[str, str]) -> CapacityType:
    """Return how the node was bought; OnDemand where nothing says otherwise, as on machines of one's own."""
    for label, types_by_value in CAPACITY_LABELS.items():
        found = types_by_value.get(labels.get(label, ""))
        if found is not None:
            return found
    return CapacityType.RESERVED if labels.get(RESERVATION_NAME) else CapacityType.ON_DEMAND


def region_of(labels: Mapping[str, str]) -> str | None:
    """Return the region's code, or None when the node does not say."""
    return labels.get(REGION) or labels.get("failure-domain.beta.kubernetes.io/region") or None


def zone_of(labels: Mapping[str, str]) -> str | None:
    """Return the zone's code, or None when the node does not say."""
    return labels.get(ZONE) or labels.get("failure-domain.beta.kubernetes.io/zone") or None


def instance_type_of(labels: Mapping[str, str]) -> str | None:
    """Return the provider's name of the machine's size, or None when the node does not say."""
    return labels.get(INSTANCE_TYPE) or labels.get("beta.kubernetes.io/instance-type") or None
