"""Who may speak to a cluster: users with static tokens, and the kubeconfig file of each.

Only names, tokens and kubeconfig documents live here; tokens of service accounts come from the API server.
"""

import csv
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

MASTERS = "system:masters"


@dataclass(frozen=True, slots=True)
class Identity:
    """A user of the cluster. ``name`` is ours, ``user`` and ``groups`` are what the API server sees."""

    name: str
    user: str
    groups: tuple[str, ...] = ()
    token: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)


def person(name: str, *groups: str) -> Identity:
    """Return an ordinary user: no rights but those that RBAC gives to the name or to its groups."""
    return Identity(name=name, user=name, groups=groups)


def built_in() -> list[Identity]:
    """Return the identities of every cluster: ``admin``, and one per component, told apart in the audit log."""
    return [
        Identity("admin", "admin", (MASTERS,)),
        Identity("kube-controller-manager", "system:kube-controller-manager", (MASTERS,)),
        Identity("kube-scheduler", "system:kube-scheduler"),
        Identity("kwok", "kwok", (MASTERS,)),
    ]


def write_token_file(path: Path, identities: Iterable[Identity]) -> None:
    """Write the API server's static token file: token, user, uid, groups."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        for identity in identities:
            writer.writerow([identity.token, identity.user, identity.name, ",".join(identity.groups)])
    path.chmod(0o600)


def kubeconfig_document(
    cluster: Mapping[str, Any], user: Mapping[str, Any], *, namespace: str = "default"
) -> dict[str, Any]:
    """Return a kubeconfig with one context, made of a ``cluster`` entry (server, authority) and a ``user`` entry."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": dict(cluster)}],
        "users": [{"name": "user", "user": dict(user)}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "user", "namespace": namespace}}],
        "current-context": "lab",
    }


def write_kubeconfig(path: Path, document: dict[str, Any]) -> Path:
    """Write the document for its owner only and return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path
