"""How a cluster is reached: by tokens of our own making, or through a kubeconfig that was given.

Only addresses and credentials live here; what is done with them is said in ``objects`` and ``cluster``.
"""

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab import components, identities, toolchain
from tests.lab.client import Client
from tests.lab.processes import ProcessError


@dataclass(frozen=True, slots=True)
class Access:
    """The ways into one cluster.

    ``entry`` is the cluster entry of a kubeconfig, ``connect`` makes a client for a named identity, and ``audit_log``
    is None where the API server is not ours.
    """

    entry: Mapping[str, Any]
    kubeconfig_by_identity: Mapping[str, Path]
    connect: Callable[[str], Client]
    audit_log: Path | None


def by_tokens(site: components.Site, people: Sequence[identities.Identity]) -> Access:
    """Reach a cluster of ours: the API server knows the static token of each identity."""
    token_by_name = {person.name: person.token for person in people}
    authority = site.directory / "ca.crt"

    def connect(identity: str) -> Client:
        headers = {"Authorization": f"Bearer {token_by_name[identity]}"}
        return Client(site.url, authority=authority, headers=headers)

    return Access(site.entry, site.kubeconfig_by_identity, connect, site.directory / "audit.log")


def by_kubeconfig(
    site: components.Site, people: Sequence[identities.Identity], given: Path, stack: ExitStack
) -> Access:
    """Reach a cluster that was there before, whatever its authentication, through ``kubectl proxy``.

    ``admin`` is the user of the given kubeconfig; every other identity is that user impersonating it. ProcessError when
    the kubeconfig does not work.
    """
    view = ["config", "view", "--raw", "--minify", "--flatten", "-o", "json", f"--kubeconfig={given}"]
    command = [str(site.program_by_name[toolchain.CONTROL_PLANE]), "kubectl", *view]
    result = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if result.returncode != 0:
        raise ProcessError(f"wanted a kubeconfig with a current context in {given}, found: {result.stderr.strip()}")
    document = json.loads(result.stdout)
    entry, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    for person in people:
        impersonation = {"as": person.user, "as-groups": list(person.groups)} if person.name != "admin" else {}
        written = identities.kubeconfig_document(entry, {**user, **impersonation})
        identities.write_kubeconfig(site.kubeconfig_by_identity[person.name], written)

    def connect(identity: str) -> Client:
        proxy = components.proxy(site, identity)
        stack.callback(proxy.kill)
        proxy.start()
        proxy.wait_ready()
        return Client(f"http://{site.address}:{site.port_by_component[proxy.name]}", headers={})

    return Access(entry, site.kubeconfig_by_identity, connect, None)
