"""The taints to expect on a node, and so the tolerations that a pod needs there. Facts are in the catalog's data.

Sources: GKE, node taints of Spot VMs; AKS, Spot node pools; both read 2026-11-21.
"""

from quartermaster.catalog.accelerator import Accelerator, NodeTaint
from quartermaster.catalog.vocabulary import CapacityType, Provider

SPOT_TAINTS = {
    Provider.AZURE: NodeTaint("kubernetes.azure.com/scalesetpriority", "spot", "NoSchedule"),
    Provider.GCP: NodeTaint("cloud.google.com/gke-spot", "true", "NoSchedule"),
}


def expected_taints(
    accelerator: Accelerator, provider: Provider | None = None, capacity_type: CapacityType = CapacityType.ON_DEMAND
) -> tuple[NodeTaint, ...]:
    """Return the taints that the platform, or the vendor's guide, puts on nodes with this chip, bought this way."""
    spot = SPOT_TAINTS.get(provider) if provider and capacity_type == CapacityType.SPOT else None
    return (*accelerator.taints, spot) if spot else accelerator.taints
