"""Starting the components of one cluster in the quickest order that works.

Only the order lives here: etcd while the certificates are written, the API server, then at once all that needs it.
"""

import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.lab import components, identities, kwok, toolchain
from tests.lab.objects import Objects
from tests.lab.processes import Component, ProcessError


@dataclass(frozen=True, slots=True)
class Options:
    """What kind of cluster is started.

    ``without`` names components to leave out (not etcd, not the API server). ``is_durable`` turns etcd's fsync on; a
    kill loses nothing either way. A node whose lease is older than ``node_grace_seconds`` is unreachable; leases are
    renewed every quarter of ``node_lease_seconds``, so with 5,000 nodes keep the defaults, and for node failures use 40
    and 50 with at most 1,000. A pod is Ready ``pod_ready_delay_seconds`` after its start, unless annotated otherwise.
    With ``has_endpoints`` off nobody tries to list pods behind Services: the API server refuses loopback addresses
    there, and with thousands of pods the tries are a third of all that it does.
    """

    without: frozenset[str] = frozenset()
    is_durable: bool = False
    node_lease_seconds: int = 200
    node_grace_seconds: int = 400
    pod_ready_delay_seconds: float = 0.0
    has_endpoints: bool = True


def boot(
    site: components.Site,
    options: Options,
    people: Sequence[identities.Identity],
    *,
    reach: Callable[[], Objects],
    stack: ExitStack,
) -> dict[str, Component]:
    """Start the components, wait until each serves, and leave their ends to ``stack``; ProcessError if one does not.

    ``reach`` gives the cluster's objects, once the API server serves.
    """
    component_by_name: dict[str, Component] = {}

    def start(component: Component) -> Component:
        stack.callback(component.kill)
        component.start()
        component_by_name[component.name] = component
        return component

    etcd = start(components.etcd(site, is_durable=options.is_durable))
    _write_files(site, people)
    etcd.wait_ready()
    start(components.api_server(site)).wait_ready()
    followers = [
        components.controller_manager(
            site, node_grace_seconds=options.node_grace_seconds, has_endpoints=options.has_endpoints
        ),
        components.scheduler(site),
    ]
    for component in followers:
        if component.name not in options.without:
            start(component)
    component_by_name |= _start_kwok(site, options, reach, stack)
    for component in component_by_name.values():
        component.wait_ready()
    return component_by_name


def boot_beside(
    site: components.Site, options: Options, *, reach: Callable[[], Objects], stack: ExitStack
) -> dict[str, Component]:
    """Start what a cluster that is not ours lacks: KWOK, unless it is left out."""
    component_by_name = _start_kwok(site, options, reach, stack)
    for component in component_by_name.values():
        component.wait_ready()
    return component_by_name


def _start_kwok(
    site: components.Site, options: Options, reach: Callable[[], Objects], stack: ExitStack
) -> dict[str, Component]:
    if components.KWOK in options.without:
        return {}
    player = kwok.Kwok(
        site,
        reach,
        node_lease_seconds=options.node_lease_seconds,
        pod_ready_delay_seconds=options.pod_ready_delay_seconds,
    )
    stack.callback(player.kill)
    player.start()
    return {player.name: player}


def _write_files(site: components.Site, people: Sequence[identities.Identity]) -> None:
    """Write certificates, the token file and each identity's kubeconfig."""
    command: list[str | Path] = [
        site.program_by_name[toolchain.CONTROL_PLANE],
        "certificates",
        site.directory,
        site.address,
        "127.0.0.1",
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if result.returncode != 0:
        raise ProcessError(
            f"wanted the certificates of {site.directory}, found exit code {result.returncode}: {result.stderr}"
        )
    identities.write_token_file(site.directory / "tokens.csv", people)
    for person in people:
        document = identities.kubeconfig_document(site.entry, {"token": person.token})
        identities.write_kubeconfig(site.kubeconfig_by_identity[person.name], document)
