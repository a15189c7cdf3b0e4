"""The components of a cluster: which program each is, with which flags, and when it serves.

One function per component. Only arguments and readiness live here; the order of starting is said in ``cluster``.
"""

import http.client
import ipaddress
import itertools
import os
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml

from tests.lab import audit
from tests.lab.processes import Component, ProcessError, guarded

ETCD = "etcd"
API_SERVER = "kube-apiserver"
CONTROLLER_MANAGER = "kube-controller-manager"
SCHEDULER = "kube-scheduler"
KWOK = "kwok"
ALL = (ETCD, API_SERVER, CONTROLLER_MANAGER, SCHEDULER, KWOK)

READY_TIMEOUT_SECONDS = 90.0
PROBE_PERIOD_SECONDS = 0.03
PORT_BY_COMPONENT: Mapping[str, int] = {API_SERVER: 6443, CONTROLLER_MANAGER: 10257, SCHEDULER: 10259, KWOK: 10247}
STAGES_DIRECTORY = Path(__file__).parent / "stages"
FAKE_NODE_SELECTOR = "kwok.x-k8s.io/node=fake"


@dataclass(frozen=True, slots=True)
class Site:
    """Where a cluster lives: its programs, its directory with the certificates, its address and its pods' network."""

    program_by_name: Mapping[str, Path]
    directory: Path
    address: str
    pod_cidr: str
    kubeconfig_by_identity: Mapping[str, Path]
    admin_token: str
    port_by_component: dict[str, int]

    @property
    def url(self) -> str:
        """The API server's URL."""
        return f"https://{self.address}:{self.port_by_component[API_SERVER]}"

    @property
    def entry(self) -> dict[str, str]:
        """The cluster entry of a kubeconfig: server and authority."""
        return {"server": self.url, "certificate-authority": self.file("ca.crt")}

    def log_path(self, name: str) -> Path:
        """Return where a component logs."""
        return self.directory / f"{name}.log"

    def file(self, name: str) -> str:
        """Return the path of a file of the cluster."""
        return str(self.directory / name)


def etcd(site: Site, *, is_durable: bool) -> Component:
    """Return etcd on a unix socket; without durability it never calls fsync: it survives a kill, not a power cut."""
    sock = site.file("etcd.sock")
    argv = _program(site, ETCD)
    argv += ["--name=lab", f"--data-dir={site.file('etcd')}", "--log-level=error"]
    argv += [f"--listen-client-urls=unix://{sock}", f"--advertise-client-urls=http://{site.address}:2379"]
    argv += ["--listen-peer-urls=http://127.0.0.1:0", "--initial-advertise-peer-urls=http://127.0.0.1:0"]
    argv += ["--initial-cluster=lab=http://127.0.0.1:0", f"--quota-backend-bytes={8 << 30}"]
    argv += [] if is_durable else ["--unsafe-no-fsync"]
    return Component(ETCD, argv, log_path=site.log_path(ETCD), wait_ready=_until(lambda: _accepts(sock)))


def api_server(site: Site) -> Component:
    """Return kube-apiserver with every default admission plugin, static tokens, RBAC and an audit log."""
    policy = site.directory / "audit-policy.yaml"
    policy.write_text(yaml.safe_dump(audit.POLICY, sort_keys=False))
    port = site.port_by_component[API_SERVER]
    argv = _program(site, API_SERVER)
    argv += [
        f"--etcd-servers=unix://{site.file('etcd.sock')}",
        f"--bind-address={site.address}",
        f"--secure-port={port}",
    ]
    argv += [f"--advertise-address={site.address}", "--endpoint-reconciler-type=none"]
    argv += [f"--tls-cert-file={site.file('server.crt')}", f"--tls-private-key-file={site.file('server.key')}"]
    argv += [f"--token-auth-file={site.file('tokens.csv')}", "--anonymous-auth=false", "--authorization-mode=Node,RBAC"]
    issuer = "https://kubernetes.default.svc"
    argv += [f"--service-account-issuer={issuer}", f"--api-audiences={issuer}"]
    argv += [f"--service-account-key-file={site.file('service-account.pub')}"]
    argv += [f"--service-account-signing-key-file={site.file('service-account.key')}"]
    argv += ["--service-cluster-ip-range=10.0.0.0/16", "--allow-privileged=true", "--profiling=false"]
    argv += [
        f"--audit-policy-file={policy}",
        f"--audit-log-path={site.file('audit.log')}",
        "--audit-log-maxsize=100000",
    ]
    argv += ["--max-requests-inflight=2000", "--max-mutating-requests-inflight=1000"]
    headers = {"Authorization": f"Bearer {site.admin_token}"}
    probe = _https_probe(site, API_SERVER, "/readyz", headers)
    return Component(API_SERVER, argv, log_path=site.log_path(API_SERVER), wait_ready=_until(probe))


def controller_manager(site: Site, *, node_grace_seconds: int) -> Component:
    """Return kube-controller-manager; a node without a lease for so many seconds becomes unreachable."""
    argv = _program(site, CONTROLLER_MANAGER) + _client_flags(site, CONTROLLER_MANAGER)
    argv += [f"--service-account-private-key-file={site.file('service-account.key')}"]
    argv += [f"--root-ca-file={site.file('ca.crt')}", f"--node-monitor-grace-period={node_grace_seconds}s"]
    probe = _https_probe(site, CONTROLLER_MANAGER, "/healthz", {})
    return Component(CONTROLLER_MANAGER, argv, log_path=site.log_path(CONTROLLER_MANAGER), wait_ready=_until(probe))


def scheduler(site: Site) -> Component:
    """Return kube-scheduler with its default profile."""
    argv = _program(site, SCHEDULER) + _client_flags(site, SCHEDULER)
    probe = _https_probe(site, SCHEDULER, "/healthz", {})
    return Component(SCHEDULER, argv, log_path=site.log_path(SCHEDULER), wait_ready=_until(probe))


class Kwok(Component):
    """KWOK, which plays kubelet for every node annotated ``kwok.x-k8s.io/node=fake``.

    It forgets at its end which addresses its pods have. So its first life gets the lower half of the cluster's network,
    and each later life a /21 of the upper half: no address is given twice (after 15 restarts, the eldest come again).
    A later life has a new name, too, so ``release_leases`` must take the nodes' leases from the earlier one.
    """

    release_leases: Callable[[], None]

    def __init__(self, site: Site, *, node_lease_seconds: int) -> None:
        """Describe it; its configuration file is written by ``kwok``."""
        argv: list[str | Path] = [site.program_by_name[KWOK], f"--kubeconfig={site.kubeconfig_by_identity[KWOK]}"]
        argv += [f"--config={site.file('kwok.yaml')}", f"--manage-nodes-with-annotation-selector={FAKE_NODE_SELECTOR}"]
        argv += [f"--node-ip={site.address}", f"--node-lease-duration-seconds={node_lease_seconds}"]
        port = site.port_by_component[KWOK]
        argv += [f"--server-address={site.address}:{port}"]
        probe = _until(lambda: _answers(http.client.HTTPConnection(site.address, port, timeout=1.0), "/healthz", {}))
        super().__init__(
            KWOK,
            guarded(site.program_by_name["controlplane"], argv),
            log_path=site.log_path(KWOK),
            wait_ready=probe,
            environment={"HOME": str(site.directory)},  # else KWOK would read and write ~/.kwok
        )
        self._arguments = self.argv
        lower, upper = ipaddress.IPv4Network(site.pod_cidr).subnets()
        self._networks = itertools.chain([lower], itertools.cycle(list(upper.subnets(new_prefix=21))[:-1]))

    def start(self) -> None:
        """Start it with addresses that no earlier life has given; when restarted, it wants the API server."""
        if self.has_lived:
            self.release_leases()
        self.argv = [*self._arguments, f"--cidr={next(self._networks)}"]
        super().start()


def kwok(site: Site, *, node_lease_seconds: int, pod_ready_delay_seconds: float) -> Component:
    """Return KWOK with our stages; pods without an annotation are Ready after the delay."""
    configuration = yaml.safe_dump_all(kwok_configuration(pod_ready_delay_seconds), sort_keys=False)
    (site.directory / "kwok.yaml").write_text(configuration)
    return Kwok(site, node_lease_seconds=node_lease_seconds)


def proxy(site: Site, identity: str) -> Component:
    """Return a ``kubectl proxy`` that adds the identity's credentials, whatever their kind, to plain HTTP requests."""
    name = f"proxy-{identity}"
    port = site.port_by_component.setdefault(name, free_port(site.address, 0))
    argv: list[str | Path] = [
        site.program_by_name["controlplane"],
        "kubectl",
        "proxy",
        f"--address={site.address}",
        f"--port={port}",
    ]
    argv += ["--accept-hosts=.*", f"--kubeconfig={site.kubeconfig_by_identity[identity]}"]
    probe = _until(lambda: _answers(http.client.HTTPConnection(site.address, port, timeout=5.0), "/version", {}))
    return Component(name, argv, log_path=site.log_path(name), wait_ready=probe)


def kwok_configuration(pod_ready_delay_seconds: float) -> list[dict[str, Any]]:
    """Return KWOK's configuration: more parallelism than its default, and our stages."""
    options = {"podPlayStageParallelism": 32, "nodePlayStageParallelism": 32, "nodeLeaseParallelism": 32}
    head = {"apiVersion": "config.kwok.x-k8s.io/v1alpha1", "kind": "KwokConfiguration", "options": options}
    stages = [
        stage
        for file in sorted(STAGES_DIRECTORY.glob("*.yaml"))
        for stage in yaml.safe_load_all(file.read_text())
        if stage
    ]
    for stage in stages:
        if stage["metadata"]["name"] == "pod-ready":
            stage["spec"]["delay"]["durationMilliseconds"] = round(1000 * pod_ready_delay_seconds)
    return [head, *stages]


def free_ports(address: str) -> dict[str, int]:
    """Return a port per component at the address, which is the cluster's alone."""
    return {name: free_port(address, port) for name, port in PORT_BY_COMPONENT.items()}


def free_port(address: str, wanted: int) -> int:
    """Return the wanted port, or any free one where some program listens there on all addresses."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # else an earlier cluster's last connections count
        try:
            probe.bind((address, wanted))
        except OSError:
            probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port


def _program(site: Site, name: str) -> list[str | Path]:
    """Return the start of the command: our binary, or that of KUBEBUILDER_ASSETS where it has the component."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and (Path(assets) / name).exists():
        return [*guarded(site.program_by_name["controlplane"], [Path(assets) / name])]
    return [site.program_by_name["controlplane"], name]


def _client_flags(site: Site, name: str) -> list[str | Path]:
    kubeconfig = site.kubeconfig_by_identity[name]
    flags = [
        f"--{flag}={kubeconfig}" for flag in ("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig")
    ]
    flags += ["--leader-elect=false", f"--bind-address={site.address}", f"--secure-port={site.port_by_component[name]}"]
    flags += [f"--tls-cert-file={site.file('server.crt')}", f"--tls-private-key-file={site.file('server.key')}"]
    return [*flags, "--kube-api-qps=500", "--kube-api-burst=1000"]


def _https_probe(site: Site, name: str, path: str, headers: Mapping[str, str]) -> Callable[[], bool]:
    context = ssl.create_default_context(cafile=site.file("ca.crt"))
    port = site.port_by_component[name]
    return lambda: _answers(
        http.client.HTTPSConnection(site.address, port, timeout=2.0, context=context), path, headers
    )


def _until(probe: Callable[[], bool]) -> Callable[[Component], None]:
    def wait_ready(component: Component) -> None:
        deadline_seconds = time.monotonic() + READY_TIMEOUT_SECONDS
        while not probe():
            if not component.is_running:
                raise ProcessError(f"wanted {component.name} to serve, found that it ended: {component.explain()}")
            if time.monotonic() > deadline_seconds:
                raise ProcessError(
                    f"{component.name} did not serve within {READY_TIMEOUT_SECONDS:g} s: {component.explain()}"
                )
            time.sleep(PROBE_PERIOD_SECONDS)

    return wait_ready


def _answers(connection: http.client.HTTPConnection, path: str, headers: Mapping[str, str]) -> bool:
    try:
        connection.request("GET", path, headers=dict(headers))
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _accepts(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(path)
        except OSError:
            return False
        return True
