"""InferenceDeployments → workloads: the model's facts resolved, what runs counted from children. No planning here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from quartermaster.api import names
from quartermaster.api.v1alpha1 import InferenceDeployment
from quartermaster.api.v1alpha1.workload import ModelFacts
from quartermaster.catalog.catalog import Catalog, UnknownNameError
from quartermaster.catalog.model import Model
from quartermaster.manifests.labels import place_of
from quartermaster.planner.fleet import Demand, Key, Running, Source, Workload
from quartermaster.planner.plan import PlacementId
from quartermaster.reconcile.chips import is_ours
from quartermaster.reconcile.observed import ChildSeen, PodSeen

_KV_ELEMENT_BYTES = 2


@dataclass(frozen=True, slots=True)
class Unplannable:
    """An InferenceDeployment that cannot be planned, with what to do about it."""

    key: Key
    reason: str
    message: str


def key_of(deployment: InferenceDeployment) -> Key:
    """Return the identity of an InferenceDeployment."""
    return Key(deployment.metadata.namespace, deployment.metadata.name)


def resolve_model(deployment: InferenceDeployment, catalog: Catalog) -> Model:
    """Return the facts of the deployment's model: those given inline, else the catalog's.

    Raises:
        UnknownNameError: when the catalog does not hold the name and no facts are given.
    """
    reference = deployment.spec.model
    return catalog.model(reference.name) if reference.facts is None else _inline(reference.name, reference.facts)


def _inline(name: str, facts: ModelFacts) -> Model:
    return Model(
        name=name,
        repository=name,
        developer="",
        developer_country="",
        parameters=facts.parameters,
        active_parameters=facts.active_parameters or facts.parameters,
        layers=facts.layers,
        hidden_size=None,
        query_heads=None,
        kv_heads=facts.kv_heads,
        head_dimension=facts.head_dimension,
        attention="gqa",
        mla=None,
        kv_bytes_per_token=2 * facts.layers * facts.kv_heads * facts.head_dimension * _KV_ELEMENT_BYTES,
        context_tokens=facts.context_tokens,
        native_precision=facts.precision,
        published_precisions=(facts.precision,),
        weights_bytes_by_precision={},
        minimum_memory_bytes_by_precision={},
        licence=facts.licence,
        is_gated=False,
    )


def declared_demand(deployment: InferenceDeployment) -> Demand:
    """Return the load that ``spec.traffic`` states; no load at an ordinary mix where it states none."""
    traffic = deployment.spec.traffic
    if traffic is None:
        return Demand(0.0, DEFAULT_INPUT_TOKENS, DEFAULT_OUTPUT_TOKENS, replicas=deployment.spec.replicas)
    return Demand(
        float(traffic.requests_per_second),
        traffic.input_tokens,
        traffic.output_tokens,
        replicas=deployment.spec.replicas,
        source=Source.DECLARED,
    )


# Means of the Azure conversation trace of 2023 (Azure Public Dataset, CC-BY 4.0): 1,155 in, 211 out.
DEFAULT_INPUT_TOKENS = 1155.0
DEFAULT_OUTPUT_TOKENS = 211.0


def running_by_key(children: Iterable[ChildSeen], pods: Iterable[PodSeen]) -> dict[Key, tuple[Running, ...]]:
    """Return the replicas that children hold, and where, by InferenceDeployment; without those on their way out."""
    seats: dict[PlacementId, list[str]] = {}
    for pod in pods:
        if is_ours(pod) and pod.node_name is not None and not pod.is_deleting and not pod.is_finished:
            wish = Key(pod.namespace, pod.labels.get(names.DEPLOYMENT_LABEL, ""))
            seats.setdefault(PlacementId(wish, place_of(pod.labels)), []).append(pod.node_name)
    found: dict[Key, list[Running]] = {}
    for child in children:
        labels = child.labels
        if child.kind != "Deployment" or child.is_deleting or names.POOL_LABEL not in labels:
            continue
        key = Key(child.namespace, labels.get(names.DEPLOYMENT_LABEL, ""))
        status = child.object.get("status", {})
        place = place_of(labels)
        found.setdefault(key, []).append(
            Running(
                pool=place.pool,
                shape_key=place.shape_key,
                zone=place.zone,
                replicas=child.object["spec"].get("replicas", 1),
                ready=status.get("readyReplicas", 0),
                hosts=tuple(sorted(seats.get(PlacementId(key, place), ()))),
            )
        )
    return {key: tuple(sorted(rows, key=lambda row: row.place)) for key, rows in found.items()}


def workloads(
    deployments: Sequence[InferenceDeployment],
    catalog: Catalog,
    *,
    demand_by_key: Mapping[Key, Demand],
    running: Mapping[Key, tuple[Running, ...]],
) -> tuple[tuple[Workload, ...], tuple[Unplannable, ...]]:
    """Return what can be planned, and what cannot with the reason. Deployments being deleted are neither."""
    good: list[Workload] = []
    bad: list[Unplannable] = []
    for deployment in sorted(deployments, key=key_of):
        if deployment.metadata.deletion_timestamp is not None:
            continue
        key = key_of(deployment)
        try:
            model = resolve_model(deployment, catalog)
        except UnknownNameError as unknown:
            bad.append(Unplannable(key, "ModelUnknown", f"{unknown.args[0].rstrip('?')}, or give spec.model.facts"))
            continue
        demand = demand_by_key.get(key) or declared_demand(deployment)
        good.append(Workload(key, deployment.spec, model, demand, running.get(key, ())))
    return tuple(good), tuple(bad)
