"""The audit log: the best witness of who asked the API server for what.

Only the policy of the log, reading it and selecting from it live here.
"""

import json
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab import client as clients

WRITE_VERBS = frozenset({"create", "update", "patch", "delete", "deletecollection", "apply"})
SYSTEM_USERS = ("system:apiserver", "system:kube-controller-manager", "system:kube-scheduler", "kwok")
FENCE_PATH = "/livez/ping"
FENCE_TIMEOUT_SECONDS = 10.0

POLICY: dict[str, Any] = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted", "Panic"],
    "omitManagedFields": True,
    "rules": [
        {"level": "None", "users": ["kwok"]},
        {"level": "None", "users": [*SYSTEM_USERS], "verbs": ["get", "list", "watch"]},
        {
            "level": "None",
            "users": [*SYSTEM_USERS],
            "resources": [
                {"group": "coordination.k8s.io"},
                {"group": "events.k8s.io"},
                {"group": "", "resources": ["events"]},
            ],
        },
        {"level": "Metadata"},
    ],
}


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One finished request. Strings are empty where the request had no such part; ``time`` is RFC 3339, UTC."""

    time: str
    user: str
    user_agent: str
    verb: str
    resource: str
    subresource: str
    api_group: str
    namespace: str
    name: str
    code: int
    uri: str

    @property
    def is_write(self) -> bool:
        """Whether the request could change something."""
        return self.verb in WRITE_VERBS


class AuditLog:
    """The audit log of one cluster: every finished request, but no reads by the control plane and nothing by KWOK."""

    def __init__(self, path: Path, client: clients.Client) -> None:
        """``client`` sends the fences that make reading exact."""
        self.path = path
        self._client = client

    def mark(self) -> int:
        """Return the place in the log before which every request finished until now lies."""
        self._fence()
        return self.path.stat().st_size

    def events(
        self,
        *,
        since: int = 0,
        user: str | None = None,
        verbs: Collection[str] | None = None,
        resource: str | None = None,
    ) -> list[AuditEvent]:
        """Return the finished requests after the mark, oldest first.

        ``user`` is the user's full name (``system:serviceaccount:<namespace>:<name>`` for a service account),
        ``resource`` a plural, or ``plural/subresource``.
        """
        self._fence()
        with self.path.open("rb") as file:
            file.seek(since)
            content = file.read()
        lines = content[: content.rfind(b"\n") + 1].splitlines()
        found = [parse(json.loads(line)) for line in lines]
        return [
            event
            for event in found
            if not event.uri.startswith(FENCE_PATH)
            and (user is None or event.user == user)
            and (verbs is None or event.verb in verbs)
            and (resource is None or resource in {event.resource, f"{event.resource}/{event.subresource}"})
        ]

    def writes(self, *, since: int = 0, user: str | None = None, resource: str | None = None) -> list[AuditEvent]:
        """Return the requests that could change something."""
        return self.events(since=since, user=user, verbs=WRITE_VERBS, resource=resource)

    def _fence(self) -> None:
        """Send a request of our own and wait until the log has it: what finished before it is there, too."""
        word = secrets.token_hex(8)
        size_bytes = self.path.stat().st_size
        self._client.request("GET", FENCE_PATH, query={"fence": word})
        deadline_seconds = time.monotonic() + FENCE_TIMEOUT_SECONDS
        with self.path.open("rb") as file:
            file.seek(size_bytes)
            seen = b""
            while word.encode() not in seen:
                seen += file.read()
                if time.monotonic() > deadline_seconds:
                    raise TimeoutError(
                        f"wanted fence {word} in {self.path} within {FENCE_TIMEOUT_SECONDS:g} s, found it not"
                    )
                time.sleep(0.005)


def parse(event: dict[str, Any]) -> AuditEvent:
    """Turn one document of group audit.k8s.io into an AuditEvent."""
    reference = event.get("objectRef", {})
    return AuditEvent(
        time=event["stageTimestamp"],
        user=event.get("impersonatedUser", event["user"])["username"],
        user_agent=event.get("userAgent", ""),
        verb=event["verb"],
        resource=reference.get("resource", ""),
        subresource=reference.get("subresource", ""),
        api_group=reference.get("apiGroup", ""),
        namespace=reference.get("namespace", ""),
        name=reference.get("name", ""),
        code=event.get("responseStatus", {}).get("code", 0),
        uri=event.get("requestURI", ""),
    )
