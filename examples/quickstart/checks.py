"""What must be true of the placements, judged by the objects in the cluster. Reading only; nothing is changed."""

from collections import Counter
from typing import Any

from examples.quickstart.offline import EUROPEAN_REGIONS, RESTRICTED
from examples.quickstart.wanted import insist
from quartermaster.api import names
from tests.lab.cluster import Cluster

REGION = "topology.kubernetes.io/region"
JsonObject = dict[str, Any]


class Placed:
    """The deployments, their pods and the nodes under them, at one moment."""

    def __init__(self, cluster: Cluster) -> None:
        """Read them."""
        self.status_by_name: dict[str, JsonObject] = {
            item["metadata"]["name"]: item.get("status", {}) for item in cluster.get("inferencedeployments")
        }
        self._pods = cluster.get("pods", None, "default", f"{names.MANAGED_BY_LABEL}={names.MANAGED_BY}")
        self._region_by_node = {
            node["metadata"]["name"]: node["metadata"]["labels"][REGION] for node in cluster.get("nodes")
        }

    def placements(self, name: str) -> list[JsonObject]:
        """Return the placements of a deployment as its status tells them."""
        found: list[JsonObject] = self.status_by_name[name].get("placements", [])
        return found

    def regions_of_pods(self, name: str) -> Counter[str]:
        """Return how many pods of a deployment stand in which region, by the nodes that they are bound to."""
        return Counter(
            self._region_by_node.get(pod["spec"].get("nodeName", ""), "no node") for pod in self._pods_of(name)
        )

    def chips_of_pods(self, name: str) -> Counter[str]:
        """Return how many chips the pods of a deployment hold, by extended resource."""
        chips: Counter[str] = Counter()
        for pod in self._pods_of(name):
            for container in pod["spec"]["containers"]:
                for resource, amount in container.get("resources", {}).get("limits", {}).items():
                    if "/" in resource:
                        chips[resource] += int(amount)
        return chips

    def _pods_of(self, name: str) -> list[JsonObject]:
        return [pod for pod in self._pods if pod["metadata"]["labels"].get(names.DEPLOYMENT_LABEL) == name]

    def check(self) -> None:
        """Insist on what the quick start promises.

        Raises:
            NotAsWantedError: one of the promises is not kept.
        """
        regions = self.regions_of_pods(RESTRICTED)
        insist(regions and set(regions) <= EUROPEAN_REGIONS, f"{RESTRICTED} in the European Union only", dict(regions))
        accelerators = {placement["accelerator"] for placement in self.placements(RESTRICTED)}
        insist(len(accelerators) > 1, f"{RESTRICTED} on two kinds of chips", sorted(accelerators))
        reasons = {rejection["rule"] for rejection in self.status_by_name[RESTRICTED].get("rejections", [])}
        insist("residency" in reasons, f"refusals by residency in the status of {RESTRICTED}", sorted(reasons))
        chips = self.chips_of_pods(RESTRICTED)
        insist({"google.com/tpu", "amd.com/gpu"} <= set(chips), f"{RESTRICTED} on TPUs and AMD GPUs", dict(chips))
        chips = self.chips_of_pods("chat")
        insist(set(chips) == {"aws.amazon.com/neuron"}, "chat on AWS Neuron chips only", dict(chips))
        shares = {p["pool"]: float(p["share"]) for p in self.placements("agents") if p.get("endpoint")}
        insist(shares and min(shares.values()) > 0, "an external pool taking a share of agents", shares)
