"""The caches of one cluster: an informer per kind, and the look at the world that is made from them."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from quartermaster.api import names
from quartermaster.api.v1alpha1 import AcceleratorPool, InferenceDeployment, ModelProfile
from quartermaster.autoscaler.window import Window
from quartermaster.cluster import resources, trim
from quartermaster.cluster.change import Change
from quartermaster.cluster.client import Client
from quartermaster.cluster.informer import Informer, Scope
from quartermaster.planner.fleet import Key
from quartermaster.reconcile.declared import Declared, declared
from quartermaster.reconcile.observation import Observed
from quartermaster.reconcile.observed import ChildSeen, NodeSeen, PodSeen

CHILD_RESOURCES = (
    resources.DEPLOYMENTS,
    resources.SERVICES,
    resources.POD_DISRUPTION_BUDGETS,
    resources.ENDPOINT_SLICES,
)


class Caches:
    """Everything that is watched in one cluster. ``run`` returns only by being cancelled."""

    def __init__(self, client: Client, *, wake: Callable[[], None]) -> None:
        """Nothing is sent yet; ``wake`` is called for every change that a decision could depend on."""
        cluster = client.cluster

        def changed(_: Change[Any]) -> None:
            wake()

        ours = Scope(selector=f"{names.MANAGED_BY_LABEL}={names.MANAGED_BY}")
        self.nodes: Informer[NodeSeen] = Informer(client, resources.NODES, trim.node(cluster), on_change=changed)
        self.pods: Informer[PodSeen] = Informer(client, resources.PODS, trim.pod(cluster), on_change=changed)
        self.children: tuple[Informer[ChildSeen], ...] = tuple(
            Informer(client, resource, trim.child(cluster, resource.kind), scope=ours, on_change=changed)
            for resource in CHILD_RESOURCES
        )
        self.deployments: Informer[Declared[InferenceDeployment]] = Informer(
            client, resources.INFERENCE_DEPLOYMENTS, partial(declared, cluster, InferenceDeployment), on_change=changed
        )
        self.pools: Informer[Declared[AcceleratorPool]] = Informer(
            client, resources.ACCELERATOR_POOLS, partial(declared, cluster, AcceleratorPool), on_change=changed
        )
        self.profiles: Informer[Declared[ModelProfile]] = Informer(
            client, resources.MODEL_PROFILES, partial(declared, cluster, ModelProfile), on_change=changed
        )

    @property
    def all(self) -> tuple[Informer[Any], ...]:
        """Every informer."""
        return (self.nodes, self.pods, *self.children, self.deployments, self.pools, self.profiles)

    @property
    def stale(self) -> tuple[str, ...]:
        """Kinds whose cache may not be acted on."""
        return tuple(informer.resource.label for informer in self.all if not informer.is_fresh)

    @property
    def keys(self) -> tuple[Key, ...]:
        """Every InferenceDeployment."""
        return tuple(Key(*key) for key in self.deployments.store)

    async def run(self) -> None:
        """Keep every cache as the API server's objects are."""
        async with asyncio.TaskGroup() as group:
            for informer in self.all:
                group.create_task(informer.run(), name=f"informer-{informer.resource.label}")

    def informer_of(self, kind: str) -> Informer[Any]:
        """Return the informer of a kind that we write.

        Raises:
            LookupError: when the kind is not watched.
        """
        for informer in self.all:
            if informer.resource.kind == kind:
                return informer
        raise LookupError(f"{kind}: wanted a kind that is watched")

    def observe(self, *, windows: Mapping[Key, Window], now_seconds: float) -> Observed:
        """Return one look at the world."""
        return Observed(
            now=datetime.now(UTC),
            now_seconds=now_seconds,
            nodes=tuple(self.nodes.store.values()),
            pods=tuple(self.pods.store.values()),
            children=tuple(child for informer in self.children for child in informer.store.values()),
            deployments=tuple(self.deployments.store.values()),
            pools=tuple(self.pools.store.values()),
            profiles=tuple(self.profiles.store.values()),
            window_by_key=dict(windows),
        )
