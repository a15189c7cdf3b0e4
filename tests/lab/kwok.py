"""KWOK, the player of kubelets: its flags, our stages, and what must be done around its restarts.

Only KWOK lives here. What fake nodes and pods do is written in ``stages/*.yaml``.
"""

import ipaddress
import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.lab import objects, probes, waiting
from tests.lab.components import KWOK, Site
from tests.lab.objects import Objects
from tests.lab.processes import Component, guarded

STAGES_DIRECTORY = Path(__file__).parent / "stages"
FAKE_NODE_ANNOTATION = "kwok.x-k8s.io/node"
FAKE_NODE_VALUE = "fake"
PARALLELISM = 32  # KWOK's default is 4
CANARY = "lab-canary"
CANARY_TIMEOUT_SECONDS = 30.0


class Kwok(Component):
    """KWOK for every node annotated ``kwok.x-k8s.io/node=fake``.

    It forgets at its end which addresses its pods have. So its first life gets the lower half of the cluster's network,
    and each later life a /21 of the upper half: no address is given twice (after 15 restarts, the eldest come again).
    It has a new name in each life, too, so the leases of the earlier one are deleted, else nodes wait for their end.
    """

    def __init__(
        self, site: Site, reach: Callable[[], Objects], *, node_lease_seconds: int, pod_ready_delay_seconds: float
    ) -> None:
        """Write its configuration; ``reach`` gives the cluster's objects, once the API server serves."""
        configuration = site.directory / "kwok.yaml"
        configuration.write_text(yaml.safe_dump_all(documents(pod_ready_delay_seconds), sort_keys=False))
        address = (site.address, site.port_by_component[KWOK])
        argv: list[str | Path] = [site.program_by_name[KWOK], f"--kubeconfig={site.kubeconfig_by_identity[KWOK]}"]
        argv += [f"--manage-nodes-with-annotation-selector={FAKE_NODE_ANNOTATION}={FAKE_NODE_VALUE}"]
        argv += [f"--config={configuration}", f"--node-lease-duration-seconds={node_lease_seconds}"]
        argv += [f"--node-ip={site.address}", f"--server-address={address[0]}:{address[1]}"]
        super().__init__(
            KWOK,
            guarded(site.program_by_name["controlplane"], argv),
            log_path=site.log_path(KWOK),
            wait_ready=probes.until(probes.http_plain(address, "/healthz")),
            environment={"HOME": str(site.directory)},  # else KWOK would read and write ~/.kwok
        )
        self._reach = reach
        self._arguments = self.argv
        lower, upper = ipaddress.IPv4Network(site.pod_cidr).subnets()
        self._networks = itertools.chain([lower], itertools.cycle(list(upper.subnets(new_prefix=21))[:-1]))

    def start(self) -> None:
        """Start it with addresses that no earlier life has given; when restarted, it wants the API server."""
        if self.has_lived:
            self._release_leases()
        self.argv = [*self._arguments, f"--cidr={next(self._networks)}"]
        super().start()

    def wait_ready(self) -> None:
        """Return when it has made a node Ready: before its first node, its caches are empty though it looks well."""
        super().wait_ready()
        cluster = self._reach()
        annotations = {FAKE_NODE_ANNOTATION: FAKE_NODE_VALUE}
        metadata = {"name": CANARY, "annotations": annotations}
        cluster.apply({"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {"unschedulable": True}})

        def is_ready() -> bool:
            annotations["lab.quartermaster.dev/nudge"] = str(time.monotonic())  # a node that it missed, it sees again
            node = cluster.patch("node", CANARY, {"metadata": {"annotations": annotations}})
            return objects.has_condition(node, "Ready")

        try:
            waiting.wait("KWOK makes a node Ready", is_ready, timeout_seconds=CANARY_TIMEOUT_SECONDS)
        finally:
            cluster.delete("node", CANARY)

    def _release_leases(self) -> None:
        cluster = self._reach()
        annotation = FAKE_NODE_ANNOTATION
        fakes = [node for node in cluster.get("nodes") if annotation in node["metadata"].get("annotations", {})]
        objects.in_parallel(lambda node: cluster.delete("leases", node["metadata"]["name"], "kube-node-lease"), fakes)


def documents(pod_ready_delay_seconds: float) -> list[dict[str, Any]]:
    """Return KWOK's configuration and our stages; a pod without an annotation is Ready after the delay."""
    options = dict.fromkeys(
        ("podPlayStageParallelism", "nodePlayStageParallelism", "nodeLeaseParallelism"), PARALLELISM
    )
    head = {"apiVersion": "config.kwok.x-k8s.io/v1alpha1", "kind": "KwokConfiguration", "options": options}
    texts = [file.read_text() for file in sorted(STAGES_DIRECTORY.glob("*.yaml"))]
    stages = [stage for text in texts for stage in yaml.safe_load_all(text) if stage]
    for stage in stages:
        if stage["metadata"]["name"] == "pod-ready":
            stage["spec"]["delay"]["durationMilliseconds"] = round(1000 * pod_ready_delay_seconds)
    return [head, *stages]
