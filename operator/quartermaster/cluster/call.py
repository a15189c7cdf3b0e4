"""What is sent to an API server, and what is told about the answer: plain values, no input or output."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from quartermaster.cluster.resources import Resource

JSON = "application/json"
APPLY = "application/apply-patch+yaml"  # JSON is YAML
MERGE_PATCH = "application/merge-patch+json"
FIELD_MANAGER = "quartermaster"
REPAIR_MANAGER = "quartermaster-repair"


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `is_idempotent` says that sending it twice is as good as once, so that it may be retried."""

    verb: str
    method: str
    path: str
    resource: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    content_type: str = JSON
    is_idempotent: bool = True
    timeout_seconds: float = 30.0

    @property
    def asked(self) -> str:
        """What is asked, in one phrase for messages; without the query, which may hold a long continue token."""
        return f"{self.verb} {self.path}"


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer, for the metrics: `code` is the HTTP status, or 0 where no answer came."""

    cluster: str
    verb: str
    resource: str
    code: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Limits:
    """How hard a client may press: requests at once, tries per request, and the longest wait between two of them."""

    concurrency: int = 32
    attempts: int = 5
    backoff_base_seconds: float = 0.2
    backoff_cap_seconds: float = 5.0
    retry_after_cap_seconds: float = 30.0
    connect_timeout_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Victim:
    """One object to delete: only the very object of this UID, and at this resource version where one is given.

    `propagation` is what becomes of the objects that it owns: `Background`, `Foreground` or `Orphan`.
    """

    resource: Resource
    namespace: str
    name: str
    uid: str
    resource_version: str | None = None
    propagation: str = "Background"
