"""Deployments, pools and placements to render, built from the shipped catalog. Builders only, no assertions."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from quartermaster.api.v1alpha1 import InferenceDeployment
from quartermaster.api.v1alpha1.acceleratorpool import PoolToleration
from quartermaster.api.v1alpha1.enums import CapacityType, EngineName, Precision
from quartermaster.catalog.load import load_catalog
from quartermaster.catalog.locality import REGION
from quartermaster.manifests.children import children
from quartermaster.manifests.replica import Replica
from quartermaster.planner.fleet import Demand, External, Host, Key, Pool, Shape, Source, Workload
from quartermaster.planner.plan import Candidate, Placement, Throughput

CATALOG = load_catalog()
NAMESPACE = "serving"
FAKE_NODE = PoolToleration(key="kwok.x-k8s.io/node", value="fake", effect="NoSchedule")

JsonObject = dict[str, Any]


def deployment(name: str = "chat", *, namespace: str = NAMESPACE, **spec: Any) -> InferenceDeployment:
    """Return an InferenceDeployment of Llama 3.3 70B, with fields of the spec as the API writes them."""
    document = {
        "metadata": {"name": name, "namespace": namespace, "uid": "5f1d9c2e-0000-4000-8000-000000000001"},
        "spec": {"model": {"name": "llama-3.3-70b-instruct"}, **spec},
    }
    return InferenceDeployment.model_validate(document)


def workload(wanted: InferenceDeployment) -> Workload:
    """Return the deployment as the planner sees it."""
    key = Key(wanted.metadata.namespace, wanted.metadata.name)
    return Workload(key, wanted.spec, CATALOG.model(wanted.spec.model.name), Demand(1.0, 512.0, 256.0))


def pool(
    accelerator: str,
    *,
    name: str | None = None,
    region: str = "eu-west-1",
    labels: dict[str, str] | None = None,
    capacity_type: CapacityType = CapacityType.ON_DEMAND,
) -> Pool:
    """Return a pool of one host with the accelerator's usual number of chips."""
    chip = CATALOG.accelerator(accelerator)
    chips = chip.chips_per_node or 1
    return Pool(
        name=name or accelerator,
        cluster="local",
        region=region,
        provider="aws",
        capacity_type=capacity_type,
        accelerator=chip,
        resource_name=chip.resource_name or "",
        hosts=(Host("node-1", f"{region}a", chips, chips, chips),),
        node_labels={REGION: region, **(labels or {"example.com/pool": accelerator})},
        tolerations=(FAKE_NODE,),
    )


def tpu_pool(accelerator: str, machine: str, topology: str) -> Pool:
    """Return a pool of one TPU slice of the topology, taken whole, with GKE's labels."""
    labels = {"cloud.google.com/gke-tpu-accelerator": machine, "cloud.google.com/gke-tpu-topology": topology}
    chips = 1
    for side in topology.split("x"):
        chips *= int(side)
    slice_host = Host("slice-1", "europe-west4-a", chips, chips, chips, is_whole=True)
    return replace(pool(accelerator, region="europe-west4", labels=labels), hosts=(slice_host,))


def external_pool(endpoint: str, *, name: str = "groq-cloud") -> Pool:
    """Return a hosted service."""
    return Pool(
        name=name,
        cluster="local",
        region="us-east-1",
        provider="groq",
        capacity_type=CapacityType.ON_DEMAND,
        accelerator=None,
        resource_name="",
        external=External(endpoint, frozenset({"llama-3.3-70b-instruct"}), 10_000.0, 0.59, 0.79),
    )


def shape(engine: EngineName, tensor: int, *, precision: Precision = Precision.BF16, pipeline: int = 1) -> Shape:
    """Return a shape that the planner found."""
    return Shape(engine, precision, tensor, pipeline)


def placement(wanted: InferenceDeployment, where: Pool, how: Shape, *, replicas: int = 2) -> Placement:
    """Return replicas of the deployment in the pool."""
    key = Key(wanted.metadata.namespace, wanted.metadata.name)
    throughput = Throughput(4.0, 1000.0, 0.2, 0.02, 64, 200_000, Source.ESTIMATED)
    candidate = Candidate(
        workload=key,
        pool=where.name,
        cluster=where.cluster,
        region=where.region,
        accelerator=where.accelerator_name,
        shape=how,
        throughput=throughput,
        dollars_per_hour=10.0,
        is_external=where.external is not None,
    )
    return Placement(candidate, replicas)


def zoned(
    wanted: InferenceDeployment, where: Pool, replicas_by_zone: Mapping[str, int]
) -> tuple[tuple[Pool, Placement], ...]:
    """Return replicas of the deployment in zones of the pool, as ``render`` takes them."""
    placed = placement(wanted, where, shape(EngineName.VLLM, 4))
    return tuple((where, replace(placed, replicas=count, zone=zone)) for zone, count in replicas_by_zone.items())


def replica(wanted: InferenceDeployment, where: Pool, how: Shape) -> Replica:
    """Return one replica with everything that its builders read."""
    return Replica(wanted, workload(wanted), placement(wanted, where, how), where, CATALOG.engine(how.engine))


def render(wanted: InferenceDeployment, *placed: tuple[Pool, Placement]) -> tuple[JsonObject, ...]:
    """Return all children of the deployment."""
    return children(
        wanted,
        workload(wanted),
        placements=[one for _, one in placed],
        pools_by_name={where.name: where for where, _ in placed},
        engines_by_name=CATALOG.engines_by_name,
    )


def render_one(wanted: InferenceDeployment, where: Pool, how: Shape) -> JsonObject:
    """Return the Deployment of one placement."""
    return render(wanted, (where, placement(wanted, where, how)))[-1]


def serving_container(rendered: JsonObject) -> JsonObject:
    """Return the serving container of a Deployment."""
    container: JsonObject = rendered["spec"]["template"]["spec"]["containers"][0]
    return container
