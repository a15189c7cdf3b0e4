"""A real Kubernetes cluster of local processes: start, use, disturb, stop.

The one door of the laboratory. What each component is, in which order they start, and what can be done through the API
alone, is said in ``components``, ``boot`` and ``objects``.
"""

import ipaddress
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

from tests.lab import access, components, identities, objects, reservation, toolchain, troubles, waiting
from tests.lab.audit import AuditLog
from tests.lab.boot import Options, boot, boot_beside
from tests.lab.client import Client
from tests.lab.processes import OWNER_VARIABLE, Component, Process, guarded

__all__ = ["Cluster", "CommandError", "Options"]

Result = TypeVar("Result")
Completed = subprocess.CompletedProcess[str]
ADMIN = "admin"
KUBECONFIG_VARIABLE = "QUARTERMASTER_LAB_KUBECONFIG"
COMMAND_TIMEOUT_SECONDS = 180.0
TOKEN_SECONDS = 24 * 3600


class CommandError(RuntimeError):
    """A command ended with an error."""


class Cluster(objects.Objects):
    """One running cluster; as its own ``Objects`` it acts as ``admin``. Made by ``Cluster.start``."""

    def __init__(self, site: components.Site, reached: access.Access, stack: ExitStack) -> None:
        """Describe a cluster whose components are yet to be started; ``stack`` ends what is launched later."""
        self.site = site
        self._access = reached
        self._component_by_name: dict[str, Component] = {}
        self._stack = stack
        self._client_by_identity: dict[str, Client] = {}
        super().__init__(self.client_of(ADMIN))

    @classmethod
    @contextmanager
    def start(
        cls,
        options: Options | None = None,
        *,
        people: Iterable[identities.Identity] = (),
        kubeconfig: Path | None = None,
        keep_directory: bool = False,
    ) -> Iterator["Cluster"]:
        """Start a cluster, yield it when every component serves, and end all its processes afterwards.

        ``people`` are further users (see ``identities.person``). With ``kubeconfig``, or the variable
        ``QUARTERMASTER_LAB_KUBECONFIG``, that cluster is used instead, and only KWOK is started. The first call on a
        machine builds the programs, which takes minutes and says so on stderr.
        """
        options = options or Options()
        everyone = [*identities.built_in(), *people]
        given = kubeconfig or os.environ.get(KUBECONFIG_VARIABLE)
        programs = [toolchain.CONTROL_PLANE] + ([] if components.KWOK in options.without else [toolchain.KWOK])
        program_by_name = toolchain.ensure(*programs)
        with ExitStack() as stack:
            reserved = reservation.reserve()
            stack.callback(reserved.release, keep_directory=keep_directory)
            site = components.Site(
                program_by_name=program_by_name,
                directory=reserved.directory,
                address=reserved.control_plane_address,
                pod_cidr=str(reserved.pod_cidr),
                kubeconfig_by_identity={each.name: reserved.directory / f"{each.name}.kubeconfig" for each in everyone},
                admin_token=everyone[0].token,
                port_by_component=components.free_ports(reserved.control_plane_address),
            )
            if given:
                reached = access.by_kubeconfig(site, everyone, Path(given), stack)
                cluster = cls(site, reached, stack)
                started = boot_beside(site, options, reach=lambda: cluster, stack=stack)
            else:
                cluster = cls(site, access.by_tokens(site, everyone), stack)
                started = boot(site, options, everyone, reach=lambda: cluster, stack=stack)
            cluster._component_by_name.update(started)
            if components.CONTROLLER_MANAGER in cluster._component_by_name:
                cluster.wait_namespace("default")
            yield cluster

    @property
    def url(self) -> str:
        """The API server's URL."""
        server: str = self._access.entry["server"]
        return server

    @property
    def audit(self) -> AuditLog:
        """The audit log; LookupError where the API server is not ours."""
        if self._access.audit_log is None:
            raise LookupError(
                "wanted the audit log, found a cluster that was given by its kubeconfig; start one instead"
            )
        return AuditLog(self._access.audit_log, self.client)

    @property
    def directory(self) -> Path:
        """Where the cluster keeps its logs, keys and data; removed when it ends."""
        return self.site.directory

    @property
    def pod_cidr(self) -> ipaddress.IPv4Network:
        """The loopback network of this cluster's pods: a program can listen on every one of its addresses."""
        return ipaddress.IPv4Network(self.site.pod_cidr)

    @property
    def _control_plane(self) -> Path:
        return self.site.program_by_name[toolchain.CONTROL_PLANE]

    def component(self, name: str) -> Component:
        """Return a component by name, to kill, freeze, thaw or restart. LookupError names those that there are."""
        if name not in self._component_by_name:
            raise LookupError(f"wanted component {name}, found {', '.join(self._component_by_name)}")
        return self._component_by_name[name]

    def components(self) -> list[Component]:
        """Return every component that this laboratory started."""
        return list(self._component_by_name.values())

    def kubeconfig(self, identity: str = ADMIN) -> Path:
        """Return the kubeconfig file of a built-in identity or of one of the people given at the start."""
        if identity not in self._access.kubeconfig_by_identity:
            known = ", ".join(self._access.kubeconfig_by_identity)
            raise LookupError(f"wanted identity {identity}, found {known}; give it to Cluster.start as people=[...]")
        return self._access.kubeconfig_by_identity[identity]

    def client_of(self, identity: str) -> Client:
        """Return the HTTP client that acts as the identity."""
        self.kubeconfig(identity)
        if identity not in self._client_by_identity:
            client = self._access.connect(identity)
            self._stack.callback(client.close)
            self._client_by_identity[identity] = client
        return self._client_by_identity[identity]

    def acting_as(self, identity: str) -> objects.Objects:
        """Return the cluster's objects as the identity may see and change them."""
        return objects.Objects(self.client_of(identity))

    def service_account_token(self, namespace: str, name: str) -> str:
        """Return a token of the service account, valid for a day, from the TokenRequest API."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        answer = self.client.request("POST", path, body={"spec": {"expirationSeconds": TOKEN_SECONDS}})
        token: str = answer["status"]["token"]
        return token

    def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        """Return a kubeconfig file with a fresh token of the service account; RefusedError 404 when there is none."""
        user = {"token": self.service_account_token(namespace, name)}
        document = identities.kubeconfig_document(self._access.entry, user, namespace=namespace)
        return identities.write_kubeconfig(self.directory / f"sa.{namespace}.{name}.kubeconfig", document)

    def kubectl(
        self,
        *args: str | Path,
        input: str | None = None,  # noqa: A002 - the word of subprocess.run
        identity: str = ADMIN,
        check: bool = True,
    ) -> Completed:
        """Run kubectl as the identity; CommandError with its stderr when it fails, unless ``check`` is false."""
        return self._run([self._control_plane, "kubectl", *args], input, identity, check=check)

    def helm(self, version: int, *args: str | Path, identity: str = ADMIN, check: bool = True) -> Completed:
        """Run Helm 3 or 4 as the identity; its configuration and cache live in the cluster's directory."""
        program = {3: toolchain.HELM_3, 4: toolchain.HELM_4}[version]
        command = guarded(self._control_plane, [toolchain.ensure(program)[program], *args])
        return self._run(command, None, identity, check=check)

    def _run(self, argv: Sequence[str | Path], text: str | None, identity: str, *, check: bool) -> Completed:
        homes = {"HELM_CACHE_HOME": "helm/cache", "HELM_CONFIG_HOME": "helm/config", "HELM_DATA_HOME": "helm/data"}
        environment = {
            **os.environ,
            OWNER_VARIABLE: str(os.getpid()),
            "KUBECONFIG": str(self.kubeconfig(identity)),
            "KUBECACHEDIR": str(self.directory / "kubectl-cache"),
            "KUBERC": "off",
            **{name: str(self.directory / folder) for name, folder in homes.items()},
        }
        command = [str(part) for part in argv]
        result = subprocess.run(
            command,
            input=text or "",
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_TIMEOUT_SECONDS,
        )
        if check and result.returncode != 0:
            raise CommandError(
                f"{' '.join(command[1:])} ended with {result.returncode}: {result.stderr}{result.stdout}"
            )
        return result

    def launch(self, name: str, argv: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Process:
        """Start any program that shall end with the cluster; its output goes to ``<directory>/<name>.log``."""
        command = guarded(self._control_plane, argv)
        return self.adopt(Process(name, command, log_path=self.site.log_path(name), environment=environment))

    def adopt(self, process: Process) -> Process:
        """Start a process that shall end with the cluster, and return it."""
        self._stack.callback(process.stop)
        process.start()
        return process

    def wait(self, description: str, predicate: Callable[[], Result], timeout_seconds: float = 30.0) -> Result:
        """Return the predicate's result once it is true; see ``waiting.wait``. A failure says what ails the cluster."""
        try:
            return waiting.wait(description, predicate, timeout_seconds=timeout_seconds)
        except waiting.NotInTimeError as error:
            for component in self.components():
                complaints = component.complaints()
                if complaints or not component.is_running:
                    state = "runs" if component.is_running else f"ended with exit code {component.exit_code}"
                    error.add_note("\n  ".join([f"{component.name} {state}; its last complaints:", *complaints]))
            for line in troubles.describe(self):
                error.add_note(line)
            raise

    def create_namespace(self, name: str, labels: Mapping[str, str] | None = None) -> str:
        """Create a namespace, ready for pods, and return its name."""
        self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(labels or {})}})
        if components.CONTROLLER_MANAGER in self._component_by_name:
            self.wait_namespace(name)
        return name

    def wait_namespace(self, name: str) -> None:
        """Return when pods can be created there: the controller manager has made its default service account."""
        self.wait(
            f"namespace {name} has its default service account", lambda: self.find("serviceaccount", "default", name)
        )
