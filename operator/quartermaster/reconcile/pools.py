"""Nodes, pods and AcceleratorPools → pools. What cannot be planned on is told, never dropped in silence.

Nodes are grouped by everything in which a pool's nodes must be alike. A node belongs to the first AcceleratorPool by
name whose selector matches it; the rest form discovered pools. Every pool carries the labels that tell its nodes from
those of all others, so that a pod pinned to it cannot be scheduled elsewhere.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from quartermaster.api import names
from quartermaster.api.v1alpha1 import AcceleratorPool, AcceleratorPoolSpec
from quartermaster.api.v1alpha1.acceleratorpool import PoolToleration
from quartermaster.api.v1alpha1.enums import AcceleratorClass, CapacityType
from quartermaster.catalog import discovery
from quartermaster.catalog.accelerator import Accelerator
from quartermaster.catalog.catalog import Catalog, UnknownNameError
from quartermaster.catalog.locality import CAPACITY_LABELS, INSTANCE_TYPE, REGION
from quartermaster.catalog.slices import TPU_TOPOLOGY, Slice
from quartermaster.catalog.taints import expected_taints
from quartermaster.catalog.vocabulary import Provider
from quartermaster.planner.fleet import External, Host, Pool
from quartermaster.reconcile import poolfacts
from quartermaster.reconcile.chips import Held, held_by_node, is_usable, node_host, slice_host
from quartermaster.reconcile.observed import NodeSeen, PodSeen
from quartermaster.reconcile.selecting import Found, Owners
from quartermaster.reconcile.tolerance import repelling_taint, tolerated

_NAME_LIMIT = 63
_NOTHING_STATED = AcceleratorPoolSpec.model_construct()
"""The spec of a pool that nobody declared."""

# Only what is bought otherwise carries these labels, so that nodes on demand are told by their absence.
_ABSENT_ON_DEMAND = {"gcp": ("cloud.google.com/gke-spot",), "azure": ("kubernetes.azure.com/scalesetpriority",)}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A node or an AcceleratorPool that cannot be planned on."""

    kind: str
    name: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class _Group:
    """In what the nodes of one pool are alike."""

    declared: str
    """Name of the AcceleratorPool; empty for a discovered pool."""
    cluster: str
    accelerator: str
    resource: str
    provider: str
    region: str
    capacity_type: CapacityType
    topology: str
    pins: tuple[tuple[str, str], ...]
    absent: tuple[str, ...]


def pools(
    nodes: Iterable[NodeSeen], pods: Iterable[PodSeen], declared: Sequence[AcceleratorPool], catalog: Catalog
) -> tuple[tuple[Pool, ...], tuple[Refusal, ...]]:
    """Return every pool that can be planned on, by name, and what cannot."""
    held = held_by_node(pods)
    ordered = sorted(declared, key=lambda pool: pool.metadata.name)
    members, refusals = _members(sorted(nodes, key=lambda node: (node.cluster, node.name)), ordered, catalog)
    spec_by_name = {pool.metadata.name: pool.spec for pool in ordered}
    name_by_group = _names(members)
    found: list[Pool] = []
    for group, group_nodes in members.items():
        spec = spec_by_name.get(group.declared, _NOTHING_STATED)
        hosts = _hosts(group, group_nodes, held, catalog.accelerator(group.accelerator))
        found.append(_pool(name_by_group[group], group, hosts, spec=spec, catalog=catalog))
    seen = {group.declared for group in members}
    for pool in ordered:
        if pool.metadata.name not in seen:
            made = _without_nodes(pool, catalog)
            if isinstance(made, Pool):
                found.append(made)
            else:
                refusals.append(made)
    return tuple(sorted(found, key=lambda pool: pool.name)), tuple(refusals)


def _members(
    nodes: Sequence[NodeSeen], declared: Sequence[AcceleratorPool], catalog: Catalog
) -> tuple[dict[_Group, list[NodeSeen]], list[Refusal]]:
    """Group the nodes; where labels would also find nodes of an AcceleratorPool, its keys tell them apart."""
    refusals: list[Refusal] = []
    rough: dict[_Group, list[NodeSeen]] = defaultdict(list)
    owners = Owners(declared)
    for node in nodes:
        placed = _group(node, owners.of(node), catalog)
        if isinstance(placed, Refusal):
            refusals.append(placed)
        elif placed is not None:
            rough[placed].append(node)
    members: dict[_Group, list[NodeSeen]] = defaultdict(list)
    selector_by_name = {pool.metadata.name: pool.spec.node_selector for pool in declared}
    found = Found(rough.items(), declared_of=lambda group: group.declared)
    for group, group_nodes in rough.items():
        others = found.by(group.pins, group.absent) - {group.declared}
        keys = sorted({key for name in others for key in selector_by_name[name]})
        for node in group_nodes:
            pins = dict(group.pins) | {key: node.labels[key] for key in keys if key in node.labels}
            absent = {*group.absent, *(key for key in keys if key not in node.labels)}
            members[replace(group, pins=tuple(sorted(pins.items())), absent=tuple(sorted(absent)))].append(node)
    return members, refusals


def _group(node: NodeSeen, owner: AcceleratorPool | None, catalog: Catalog) -> _Group | Refusal | None:
    """Return the group of a node; None when it carries no accelerator."""
    spec = owner.spec if owner else _NOTHING_STATED
    identified = discovery.identify(node.labels, node.allocatable_by_resource, catalog=catalog)
    pins: dict[str, str] = dict(spec.node_selector)
    if isinstance(identified, discovery.Identified):
        accelerator, resource = identified.accelerator, identified.resource_name
        pins |= _witness_pin(identified, node, is_declared=owner is not None)
    elif owner is None or spec.accelerator is None:
        if identified is None:
            return None
        return Refusal("Node", node.name, identified.reason.value, f"{identified.message}: {identified.remedy}")
    if owner is not None and spec.accelerator is not None:
        try:
            accelerator = catalog.accelerator(spec.accelerator)
        except UnknownNameError as unknown:
            return Refusal("AcceleratorPool", owner.metadata.name, "AcceleratorUnknown", str(unknown))
        resource = accelerator.resource_name or ""
        if isinstance(identified, discovery.Identified) and identified.accelerator == accelerator:
            resource = identified.resource_name
    region = spec.region or discovery.region_of(node.labels)
    if not region:
        return Refusal(
            "Node",
            node.name,
            "RegionUnknown",
            f"wanted the label {REGION}, found none: label the node, or state spec.region on an AcceleratorPool",
        )
    provider = discovery.provider_of(node.labels, node.provider_id or "")
    capacity_type = discovery.capacity_type_of(node.labels)
    expected = expected_taints(accelerator, provider, capacity_type)
    resource = spec.resource_name or resource
    if taint := repelling_taint(node, tolerated(spec.tolerations, expected, resource)):
        return Refusal(
            "Node",
            node.name,
            "Tainted",
            f"wanted no taint but those known for its chip, found {taint.key}={taint.value}:{taint.effect}: remove it, "
            "or state spec.tolerations on an AcceleratorPool that selects the node",
        )
    kept = (REGION, TPU_TOPOLOGY, *CAPACITY_LABELS)
    pins |= {label: node.labels[label] for label in kept if label in node.labels}
    on_demand = _ABSENT_ON_DEMAND.get(provider.value, ()) if provider else ()
    return _Group(
        declared=owner.metadata.name if owner else "",
        cluster=node.cluster,
        accelerator=accelerator.name,
        resource=resource,
        provider=spec.provider or (provider.value if provider else ""),
        region=region,
        capacity_type=spec.capacity_type or capacity_type,
        topology=node.labels.get(TPU_TOPOLOGY, ""),
        pins=tuple(sorted(pins.items())),
        absent=tuple(label for label in on_demand if label not in node.labels),
    )


def _witness_pin(identified: discovery.Identified, node: NodeSeen, *, is_declared: bool) -> dict[str, str]:
    """Return the label that says which accelerator it is. An instance type pins only where nothing else does."""
    witnesses = [w for w in identified.witnesses if w.label in node.labels]
    named = [w for w in witnesses if w.label != INSTANCE_TYPE]
    chosen = named[:1] or ([] if is_declared else witnesses[:1])
    return {witness.label: witness.value for witness in chosen}


def _names(groups: Mapping[_Group, Sequence[NodeSeen]]) -> dict[_Group, str]:
    """Name every group: its AcceleratorPool's name where there is one group, otherwise words that tell them apart."""
    plain: dict[str, list[_Group]] = defaultdict(list)
    for group in groups:
        words = [group.region, group.accelerator, group.capacity_type.value.lower(), group.topology]
        discovered = "-".join(word for word in words if word)
        if group.cluster != names.LOCAL_CLUSTER:
            discovered = f"{group.cluster}-{discovered}"
        plain[group.declared or discovered].append(group)
    named: dict[_Group, str] = {}
    for name, alike in plain.items():
        for group in alike:
            digest = hashlib.sha256(repr(group).encode()).hexdigest()[:6]
            full = name if len(alike) == 1 else f"{name}-{digest}"
            named[group] = full if len(full) <= _NAME_LIMIT else f"{full[: _NAME_LIMIT - 7]}-{digest}"
    return named


def _hosts(
    group: _Group, nodes: Sequence[NodeSeen], held: Mapping[tuple[str, str], Held], accelerator: Accelerator
) -> tuple[Host, ...]:
    is_whole = accelerator.accelerator_class is AcceleratorClass.TPU
    slices: dict[str, list[NodeSeen]] = defaultdict(list)
    hosts: list[Host] = []
    slice_by_name: dict[str, Slice] = {}
    for node in nodes:
        chips = node.allocatable_by_resource.get(group.resource, 0)
        tpu = discovery.slice_of(node.labels, node.allocatable_by_resource, node.name)
        if tpu is not None and tpu.hosts > 1:
            slices[tpu.name].append(node)
            slice_by_name[tpu.name] = tpu
        elif is_usable(node) and chips > 0:
            zone = discovery.zone_of(node.labels) or ""
            hosts.append(node_host(node, group.resource, zone, held=held, is_whole=is_whole))
    for name, parts in sorted(slices.items()):
        # A slice that lacks a host, or has one that is not usable, cannot be taken.
        if len(parts) == slice_by_name[name].hosts and all(is_usable(node) for node in parts):
            zone = discovery.zone_of(parts[0].labels) or ""
            hosts.append(slice_host(name, parts, group.resource, zone=zone, held=held))
    return tuple(sorted(hosts))


def _growth(spec: AcceleratorPoolSpec, name: str, existing: int, accelerator: Accelerator | None) -> tuple[Host, ...]:
    """Return the nodes that an autoscaler could still add."""
    if spec.limits is None or spec.node_template is None:
        return ()
    chips, zone = spec.node_template.chips, spec.node_template.zone or ""
    is_whole = accelerator is not None and accelerator.accelerator_class is AcceleratorClass.TPU
    return tuple(
        Host(f"{name}-new-{number:05}", zone, chips, chips, chips, is_whole=is_whole, exists=False)
        for number in range(existing, spec.limits.max_nodes)
    )


def _pool(name: str, group: _Group, hosts: tuple[Host, ...], *, spec: AcceleratorPoolSpec, catalog: Catalog) -> Pool:
    accelerator = catalog.accelerator(group.accelerator)
    nodes = sum(host.nodes for host in hosts)
    price = poolfacts.price(
        spec,
        accelerator,
        provider=group.provider,
        region=group.region,
        capacity_type=group.capacity_type,
        catalog=catalog,
    )
    pins = dict(group.pins)
    return Pool(
        name=name,
        cluster=group.cluster,
        region=group.region,
        provider=group.provider,
        capacity_type=group.capacity_type,
        accelerator=accelerator,
        resource_name=group.resource,
        hosts=hosts + _growth(spec, name, nodes, accelerator),
        dollars_per_chip_hour=price.dollars_per_chip_hour,
        price_source=price.source,
        power_watts_per_chip=poolfacts.power_watts(spec, accelerator),
        facts=poolfacts.facts(name, spec, accelerator, provider=group.provider, region=group.region, catalog=catalog),
        node_labels=pins,
        absent_labels=group.absent,
        tolerations=_tolerations(spec, accelerator, group),
        declared_by=group.declared,
    )


def _tolerations(spec: AcceleratorPoolSpec, accelerator: Accelerator, group: _Group) -> tuple[PoolToleration, ...]:
    provider = Provider(group.provider) if group.provider in set(Provider) else None
    return tolerated(spec.tolerations, expected_taints(accelerator, provider, group.capacity_type), group.resource)


def _without_nodes(pool: AcceleratorPool, catalog: Catalog) -> Pool | Refusal:
    """Return a pool that has no node yet: an external service, or one that an autoscaler grows from nothing."""
    name, spec = pool.metadata.name, pool.spec
    if spec.external is not None:
        return _external(name, spec, catalog)
    if spec.limits is None or spec.node_template is None or spec.accelerator is None or spec.region is None:
        return Refusal(
            "AcceleratorPool",
            name,
            "NoNodes",
            "wanted nodes that the selector matches, found none: correct spec.nodeSelector, or state spec.accelerator, "
            "spec.region, spec.limits.maxNodes and spec.nodeTemplate so that it can be planned on before it has nodes",
        )
    try:
        accelerator = catalog.accelerator(spec.accelerator)
    except UnknownNameError as unknown:
        return Refusal("AcceleratorPool", name, "AcceleratorUnknown", str(unknown))
    group = _Group(
        declared=name,
        cluster=names.LOCAL_CLUSTER,
        accelerator=accelerator.name,
        resource=spec.resource_name or accelerator.resource_name or "",
        provider=spec.provider or "",
        region=spec.region,
        capacity_type=spec.capacity_type or CapacityType.ON_DEMAND,
        topology="",
        pins=((REGION, spec.region),),
        absent=(),
    )
    return _pool(name, group, (), spec=spec, catalog=catalog)


def _external(name: str, spec: AcceleratorPoolSpec, catalog: Catalog) -> Pool | Refusal:
    service = spec.external
    if service is None:
        raise ValueError(f"{name}: wanted an external pool")
    try:
        accelerator = catalog.accelerator(spec.accelerator) if spec.accelerator else None
    except UnknownNameError as unknown:
        return Refusal("AcceleratorPool", name, "AcceleratorUnknown", str(unknown))
    return Pool(
        name=name,
        declared_by=name,
        cluster=names.LOCAL_CLUSTER,
        region=spec.region or "",
        provider=spec.provider or "",
        capacity_type=spec.capacity_type or CapacityType.ON_DEMAND,
        accelerator=accelerator,
        resource_name="",
        facts=poolfacts.facts(
            name, spec, accelerator, provider=spec.provider or "", region=spec.region or "", catalog=catalog
        ),
        external=External(
            endpoint=service.endpoint,
            models=frozenset(service.models),
            tokens_per_second=float(service.tokens_per_second),
            dollars_per_million_input_tokens=float(service.dollars_per_million_input_tokens),
            dollars_per_million_output_tokens=float(service.dollars_per_million_output_tokens),
            time_to_first_token_seconds=_seconds(service.time_to_first_token_milliseconds),
            inter_token_latency_seconds=_seconds(service.inter_token_latency_milliseconds),
        ),
    )


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000.0
