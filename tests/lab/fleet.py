"""Builders of Nodes, pools and whole fleets, with the labels, taints and resources that real platforms give. Pure data.

Every node is one that KWOK plays: it carries the annotation ``kwok.x-k8s.io/node=fake``.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Required, TypedDict, Unpack

from quartermaster.catalog.accelerator import Accelerator, NodeSelectorFact
from quartermaster.catalog.load import load_catalog
from quartermaster.catalog.locality import INSTANCE_TYPE, REGION, ZONE
from quartermaster.catalog.slices import NODE_POOL, TPU_TOPOLOGY, topology_chips
from quartermaster.catalog.taints import expected_taints
from quartermaster.catalog.vocabulary import AcceleratorClass, CapacityType, Provider
from tests.lab.machines import EDGE_SERVER, SERVER, Machine, machine_for

Object = dict[str, Any]

KWOK = "kwok.x-k8s.io/node"
LONG_AGO = "2026-01-01T00:00:00Z"
PROVIDERS = {"aks": Provider.AZURE, "eks": Provider.AWS, "gke": Provider.GCP}
PODS = {"aks": 110, "bare": 110, "eks": 250, "gke": 110}
ZONE_SUFFIXES = {"aks": ("-1", "-2", "-3"), "bare": ("-a", "-b"), "eks": ("a", "b", "c"), "gke": ("-a", "-b", "-c")}
TOPOLOGY_BY_CHIPS = {
    2: {1: "1x1", 4: "2x2", 8: "2x4", 16: "4x4", 32: "4x8"},
    3: {1: "1x1x1", 4: "2x2x1", 8: "2x2x2"},
}
"""Dimensions of the grid → chips → the slice of that size."""


class NodeOptions(TypedDict, total=False):
    """What can be said of a group of equal nodes."""

    accelerator: Required[str]
    platform: str
    """``gke``, ``eks`` (Karpenter), ``aks``, or ``bare``: servers of one's own with feature discovery."""
    region: Required[str]
    zone: str | None
    """All in this zone; spread over the region's zones when absent."""
    count: int
    """Machines; slices where ``topology`` needs several machines."""
    capacity_type: str
    chips: int | None
    """Chips per machine; those of the platform's usual machine when absent."""
    topology: str | None
    """Shape of a TPU slice; the one that fits on one machine when absent."""
    name_prefix: str | None
    feature_discovery: bool
    """Also the labels of the vendor's feature discovery, which clouds do not run by themselves."""


@dataclass(frozen=True, slots=True)
class Group:
    """A group of equal nodes; see NodeOptions."""

    accelerator: str
    region: str
    platform: str = "bare"
    zone: str | None = None
    count: int = 1
    capacity_type: str = "OnDemand"
    chips: int | None = None
    topology: str | None = None
    name_prefix: str | None = None
    feature_discovery: bool = False
    facts: Accelerator = field(init=False)
    machine: Machine = field(init=False)

    def __post_init__(self) -> None:
        """Look the accelerator and the machine up.

        Raises:
            ValueError: the platform does not offer the accelerator, or not with this many chips.
        """
        facts = load_catalog().accelerator(self.accelerator)
        object.__setattr__(self, "facts", facts)
        machine = machine_for(self.platform, self.accelerator, self.chips)
        if self.platform == "bare":
            server = EDGE_SERVER if facts.is_edge else SERVER
            machine = server._replace(chips=self.chips or (1 if facts.is_edge else facts.chips_per_node or 8))
        if machine is None:
            raise ValueError(
                f"wanted {self.accelerator} with {self.chips or 'any'} chips on {self.platform}, found none"
            )
        object.__setattr__(self, "machine", machine)

    @property
    def prefix(self) -> str:
        """Start of the nodes' names."""
        return self.name_prefix or f"{self.platform}-{self.accelerator}-{self.region}-{self.capacity_type}".lower()

    @property
    def slice_topology(self) -> str | None:
        """Shape of the slice that each machine, or set of machines, is; None for chips that are not TPUs."""
        if self.facts.accelerator_class is not AcceleratorClass.TPU:
            return None
        dimensions = self.facts.topologies[0].count("x") + 1
        return self.topology or TOPOLOGY_BY_CHIPS[dimensions][self.machine.chips]

    @property
    def hosts_per_slice(self) -> int:
        """Machines that one slice takes."""
        topology = self.slice_topology
        return max(1, topology_chips(topology) // self.machine.chips) if topology else 1


def nodes(**options: Unpack[NodeOptions]) -> list[Object]:
    """Return equal nodes, ready to be applied or planned on."""
    group = Group(**options)
    zones = [group.zone] if group.zone else [group.region + suffix for suffix in ZONE_SUFFIXES[group.platform]]
    return [
        _node(group, index * group.hosts_per_slice + host, f"{group.prefix}-{index:02d}", zones[index % len(zones)])
        for index in range(group.count)
        for host in range(group.hosts_per_slice)
    ]


def _node(group: Group, number: int, pool: str, zone: str) -> Object:
    name = f"{group.prefix}-{number:03d}"
    provider_id = {
        "aks": f"azure:///subscriptions/lab/resourceGroups/lab/providers/Microsoft.Compute/virtualMachines/{name}",
        "bare": f"kwok://{name}",
        "eks": f"aws:///{zone}/i-{name}",
        "gke": f"gce://lab/{zone}/{name}",
    }[group.platform]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {KWOK: "fake", "node.alpha.kubernetes.io/ttl": "0"},
            "labels": {
                "kubernetes.io/arch": group.facts.node_architecture,
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                REGION: group.region,
                ZONE: zone,
                **_platform_labels(group, pool),
                **_accelerator_labels(group),
            },
        },
        "spec": {"providerID": provider_id, "taints": _taints(group)},
        "status": _status(group),
    }


def _platform_labels(group: Group, pool: str) -> dict[str, str]:
    """Labels that the platform puts on every node, whatever it carries."""
    is_spot = group.capacity_type == CapacityType.SPOT
    if group.platform == "eks":
        family, _, size = group.machine.instance.partition(".")
        words = {"OnDemand": "on-demand", "Reserved": "reserved", "Spot": "spot"}
        return {
            INSTANCE_TYPE: group.machine.instance,
            "karpenter.k8s.aws/instance-family": family,
            "karpenter.k8s.aws/instance-size": size,
            "karpenter.sh/capacity-type": words[group.capacity_type],
            "karpenter.sh/nodepool": group.prefix,
        }
    if group.platform == "gke":
        labels = {
            INSTANCE_TYPE: group.machine.instance,
            "cloud.google.com/machine-family": group.machine.instance.partition("-")[0],
            NODE_POOL: pool if group.hosts_per_slice > 1 else group.prefix,
            "cloud.google.com/gke-provisioning": "spot" if is_spot else "standard",
        }
        if is_spot:
            labels["cloud.google.com/gke-spot"] = "true"
        if group.capacity_type == CapacityType.RESERVED:
            labels["cloud.google.com/reservation-name"] = "lab"
        return labels
    if group.platform == "aks":
        labels = {
            INSTANCE_TYPE: group.machine.instance,
            "kubernetes.azure.com/accelerator": group.facts.vendor.lower(),
            "kubernetes.azure.com/agentpool": group.prefix[:12].strip("-"),
        }
        return {**labels, "kubernetes.azure.com/scalesetpriority": "spot"} if is_spot else labels
    return {}


def _accelerator_labels(group: Group) -> dict[str, str]:
    """Labels that name the chip: the platform's own, or those of feature discovery."""
    wanted = {group.platform, "any"} if group.feature_discovery else {group.platform}
    platforms = {"any"} if group.platform == "bare" else wanted
    labels: dict[str, str] = {}
    for selector in group.facts.selectors:
        if selector.platform in platforms and selector.label != INSTANCE_TYPE and selector.label not in labels:
            labels |= {selector.label: _concrete(selector), **{key: values[0] for key, values in selector.and_labels}}
    chips = str(group.machine.chips)
    if group.platform == "gke" and group.slice_topology:
        labels[TPU_TOPOLOGY] = group.slice_topology
    elif group.platform == "gke":
        labels["cloud.google.com/gke-accelerator-count"] = chips
    if group.platform == "eks" and group.facts.vendor == "NVIDIA":
        labels["karpenter.k8s.aws/instance-gpu-count"] = chips
        labels["karpenter.k8s.aws/instance-gpu-manufacturer"] = "nvidia"
        labels["karpenter.k8s.aws/instance-gpu-memory"] = str(group.facts.memory_bytes >> 20)
    if group.platform == "eks" and group.facts.vendor == "AWS":
        labels["karpenter.k8s.aws/instance-accelerator-count"] = chips
        labels["karpenter.k8s.aws/instance-accelerator-manufacturer"] = "aws"
    if "nvidia.com/gpu.product" in labels:
        labels |= {"nvidia.com/gpu.count": chips, "nvidia.com/gpu.replicas": "1"}
        labels |= {"nvidia.com/gpu.sharing-strategy": "none", "nvidia.com/gpu.present": "true"}
    return labels


def _concrete(selector: NodeSelectorFact) -> str:
    """Return a value that the selector matches."""
    value = selector.values[0]
    return "1" if value == "*" else value.replace("*", "X_OAM")


def _taints(group: Group) -> list[Object]:
    """GKE taints its accelerator nodes; elsewhere that is the owner's choice, and here the owner did not."""
    provider, capacity_type = PROVIDERS.get(group.platform), CapacityType(group.capacity_type)
    taints = expected_taints(group.facts, provider, capacity_type)
    if group.platform != "gke":
        taints = tuple(taint for taint in taints if taint not in group.facts.taints)
    return [{"key": t.key, "effect": t.effect, **({"value": t.value} if t.value else {})} for t in taints]


def _status(group: Group) -> Object:
    """Capacity of the machine; what the kubelet and the system keep for themselves is not allocatable."""
    machine, resource = group.machine, group.facts.resource_name
    pods, chips = str(PODS[group.platform]), {resource: str(machine.chips)} if resource else {}
    return {
        "capacity": {
            "cpu": str(machine.cpus),
            "memory": f"{machine.memory_gibibytes}Gi",
            "ephemeral-storage": "1000Gi",
            "pods": pods,
            **chips,
        },
        "allocatable": {
            "cpu": f"{machine.cpus * 1000 - 300}m",
            "memory": f"{machine.memory_gibibytes * 1024 * 94 // 100}Mi",
            "ephemeral-storage": "900Gi",
            "pods": pods,
            **chips,
        },
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "KubeletReady",
                "message": "the node is ready",
                "lastHeartbeatTime": LONG_AGO,
                "lastTransitionTime": LONG_AGO,
            }
        ],
        "nodeInfo": {
            "architecture": group.facts.node_architecture,
            "kubeletVersion": "fake",
            "operatingSystem": "linux",
        },
    }


class ExternalOptions(TypedDict, total=False):
    """What can be said of an external pool."""

    name: Required[str]
    endpoint: Required[str]
    models: Required[Iterable[str]]
    accelerator: str
    region: str
    tokens_per_second: int
    input_price: str
    output_price: str
    jurisdictions: Iterable[str]
    operator: str


def external_pool(**options: Unpack[ExternalOptions]) -> Object:
    """Return an AcceleratorPool for a hosted service: endpoint, capacity and price per million tokens."""
    spec: Object = {
        "external": {
            "endpoint": options["endpoint"],
            "models": list(options["models"]),
            "tokensPerSecond": options.get("tokens_per_second", 2000),
            "dollarsPerMillionInputTokens": options.get("input_price", "0.59"),
            "dollarsPerMillionOutputTokens": options.get("output_price", "0.79"),
        },
        "accelerator": options.get("accelerator", "groq-lpu-v1"),
    }
    jurisdictions = list(options.get("jurisdictions", ()))
    if "region" in options:
        spec["region"] = options["region"]
    if jurisdictions:
        spec["jurisdictions"] = jurisdictions
    if "operator" in options:
        spec["operator"] = {"name": options["operator"], "jurisdictions": jurisdictions or ["US"]}
    return {
        "apiVersion": "quartermaster.dev/v1alpha1",
        "kind": "AcceleratorPool",
        "metadata": {"name": options["name"]},
        "spec": spec,
    }


EXAMPLE: tuple[NodeOptions, ...] = (
    {"accelerator": "nvidia-h100-sxm", "platform": "eks", "region": "us-east-1", "count": 3},
    {"accelerator": "nvidia-h100-sxm", "platform": "eks", "region": "us-east-1", "count": 1, "capacity_type": "Spot"},
    {"accelerator": "nvidia-a100-sxm-80", "platform": "eks", "region": "us-east-1", "count": 2},
    {"accelerator": "nvidia-l4", "platform": "eks", "region": "us-east-1", "count": 4},
    {"accelerator": "aws-inferentia2", "platform": "eks", "region": "us-east-1", "count": 3},
    {"accelerator": "aws-trainium1", "platform": "eks", "region": "us-east-1", "count": 2},
    {"accelerator": "intel-gaudi3", "platform": "bare", "region": "us-east-1", "count": 2},
    {"accelerator": "nvidia-h100-sxm", "platform": "gke", "region": "europe-west4", "count": 2},
    {"accelerator": "nvidia-l4", "platform": "gke", "region": "europe-west4", "count": 4},
    {"accelerator": "google-tpu-v5e", "platform": "gke", "region": "europe-west4", "count": 2},
    {"accelerator": "google-tpu-v6e", "platform": "gke", "region": "europe-west4", "count": 2},
    {
        "accelerator": "google-tpu-v6e",
        "platform": "gke",
        "region": "europe-west4",
        "chips": 4,
        "topology": "4x4",
        "name_prefix": "gke-google-tpu-v6e-europe-west4-4x4",
    },
    {"accelerator": "amd-mi300x", "platform": "bare", "region": "europe-west4", "count": 2},
    {"accelerator": "nvidia-a100-sxm-40", "platform": "gke", "region": "asia-northeast1", "count": 2},
    {"accelerator": "nvidia-h100-sxm", "platform": "gke", "region": "asia-northeast1", "count": 2},
    {"accelerator": "nvidia-l4", "platform": "gke", "region": "asia-northeast1", "count": 2, "capacity_type": "Spot"},
    {"accelerator": "google-tpu-v5e", "platform": "gke", "region": "asia-northeast1", "count": 2},
)
"""The fleet of the quick start: three regions, six vendors."""


def example_fleet() -> list[Object]:
    """Return the nodes of the quick start: GPUs, TPUs and inference chips in three regions, about forty machines."""
    return [node for options in EXAMPLE for node in nodes(**options)]


BENCHMARK: tuple[NodeOptions, ...] = (
    *EXAMPLE,
    {"accelerator": "nvidia-h200-sxm", "platform": "aks", "region": "swedencentral"},
    {"accelerator": "amd-mi300x", "platform": "aks", "region": "westus"},
    {"accelerator": "nvidia-b200", "platform": "eks", "region": "us-west-2"},
    {"accelerator": "nvidia-l40s", "platform": "eks", "region": "eu-central-1"},
    {"accelerator": "aws-trainium2", "platform": "eks", "region": "us-east-2"},
    {"accelerator": "nvidia-rtx-pro-6000-bse", "platform": "gke", "region": "us-central1"},
    {"accelerator": "google-tpu-v5p", "platform": "gke", "region": "us-east5"},
    {"accelerator": "furiosa-rngd", "platform": "bare", "region": "kr-central-1"},
)


def fleet(count: int = 150, seed: int = 0) -> list[Object]:
    """Return ``count`` nodes of random kinds, the same for the same seed; slices of several machines are complete."""
    rng = random.Random(seed)
    made: list[Object] = []
    for number in range(10 * count):
        options = rng.choice(BENCHMARK)
        size = Group(**options).hosts_per_slice
        machines = min(rng.randint(1, 8), max(1, (count - len(made)) // size))
        if size * machines > count - len(made):
            continue
        group: NodeOptions = {**options, "count": machines, "name_prefix": f"fleet-{number:04d}"}
        made += nodes(**group)
        if len(made) == count:
            break
    return made
