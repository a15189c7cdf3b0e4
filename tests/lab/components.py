"""The components of a cluster: which program each is, with which flags, and when it serves.

One function per component, but KWOK, which has its own file. Only arguments and readiness live here; the order of
starting is said in ``boot``.
"""

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.lab import audit, probes
from tests.lab.processes import Component, guarded

ETCD = "etcd"
API_SERVER = "kube-apiserver"
CONTROLLER_MANAGER = "kube-controller-manager"
SCHEDULER = "kube-scheduler"
KWOK = "kwok"
ALL = (ETCD, API_SERVER, CONTROLLER_MANAGER, SCHEDULER, KWOK)

PORT_BY_COMPONENT: Mapping[str, int] = {API_SERVER: 6443, CONTROLLER_MANAGER: 10257, SCHEDULER: 10259, KWOK: 10247}


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
    return Component(ETCD, argv, log_path=site.log_path(ETCD), wait_ready=probes.until(probes.unix(sock)))


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
    probe = _https(site, API_SERVER, "/readyz", headers)
    return Component(API_SERVER, argv, log_path=site.log_path(API_SERVER), wait_ready=probes.until(probe))


def controller_manager(site: Site, *, node_grace_seconds: int, has_endpoints: bool) -> Component:
    """Return kube-controller-manager; a node without a lease for so many seconds becomes unreachable."""
    argv = _program(site, CONTROLLER_MANAGER) + _client_flags(site, CONTROLLER_MANAGER)
    argv += [f"--service-account-private-key-file={site.file('service-account.key')}"]
    argv += [f"--root-ca-file={site.file('ca.crt')}", f"--node-monitor-grace-period={node_grace_seconds}s"]
    if not has_endpoints:
        argv.append("--controllers=*,-endpoints-controller,-endpointslice-controller")
    probe = _https(site, CONTROLLER_MANAGER, "/healthz", {})
    return Component(
        CONTROLLER_MANAGER, argv, log_path=site.log_path(CONTROLLER_MANAGER), wait_ready=probes.until(probe)
    )


def scheduler(site: Site) -> Component:
    """Return kube-scheduler with its default profile."""
    argv = _program(site, SCHEDULER) + _client_flags(site, SCHEDULER)
    probe = _https(site, SCHEDULER, "/healthz", {})
    return Component(SCHEDULER, argv, log_path=site.log_path(SCHEDULER), wait_ready=probes.until(probe))


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
    probe = probes.http_plain((site.address, port), "/version")
    return Component(name, argv, log_path=site.log_path(name), wait_ready=probes.until(probe))


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


def _https(site: Site, name: str, path: str, headers: Mapping[str, str]) -> Callable[[], bool]:
    address = (site.address, site.port_by_component[name])
    return probes.https(address, path, authority=site.file("ca.crt"), headers=headers)
