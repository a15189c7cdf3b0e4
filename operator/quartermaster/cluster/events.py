"""Events: what a person sees under `kubectl describe`, once per change.

Only how an event is named and sent; what is worth one is decided elsewhere.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from quartermaster.cluster.call import FIELD_MANAGER
from quartermaster.cluster.client import Client
from quartermaster.cluster.errors import ApiError
from quartermaster.cluster.resources import EVENTS
from quartermaster.reconcile.outcome import Reference

NOTE_BYTES = 1024
"""The longest `note` that the API server takes (events.k8s.io/v1)."""
_REMEMBERED = 4096
_NAME_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that happened to an object.

    `change` tells this happening from an earlier one of the same words, for example a decision's id or the time of a
    condition's last transition: the same notice with the same `change` is one event, however often it is published
    and by whichever process. `action` says what was done or tried; `reason` why, in CamelCase; `note` in words.
    """

    regarding: Reference
    reason: str
    note: str
    action: str
    change: str
    is_warning: bool = False

    @property
    def name(self) -> str:
        """The event's name: the object's name, and a digest of what happened."""
        told = (self.regarding.uid, self.reason, self.note, self.action, self.change, str(self.is_warning))
        digest = hashlib.sha256("\0".join(told).encode()).hexdigest()[:16]
        return f"{self.regarding.name[:_NAME_CHARACTERS].rstrip('.-')}.{digest}"


class Publisher:
    """Sends notices as events of one cluster, and remembers the latest few thousand: a repetition costs nothing."""

    def __init__(self, client: Client, *, instance: str, now: Callable[[], datetime] | None = None) -> None:
        """`instance` names this process in the events; `now` gives an aware time."""
        self._client = client
        self._instance = instance
        self._now = now or (lambda: datetime.now(UTC))
        self._published: OrderedDict[str, None] = OrderedDict()

    async def publish(self, notice: Notice) -> bool:
        """Create the event, unless it is there already; whether it is new.

        Raises:
            ApiError: it could not be created; a later call tries again.
        """
        name = notice.name
        if name in self._published:
            return False
        is_new = True
        try:
            await self._client.create(EVENTS, self._document(notice))
        except ApiError as error:
            if not error.is_already_exists:
                raise
            is_new = False
        self._published[name] = None
        while len(self._published) > _REMEMBERED:
            self._published.popitem(last=False)
        return is_new

    def _document(self, notice: Notice) -> dict[str, Any]:
        regarding = notice.regarding
        return {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            # An object without a namespace has its events in `default`: there kubectl looks for them.
            "metadata": {"name": notice.name, "namespace": regarding.namespace or "default"},
            "eventTime": self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": f"quartermaster.dev/{FIELD_MANAGER}",
            "reportingInstance": self._instance[:128],
            "action": notice.action[:128],
            "reason": notice.reason[:128],
            "type": "Warning" if notice.is_warning else "Normal",
            "note": shortened(notice.note),
            "regarding": {
                "apiVersion": regarding.api_version,
                "kind": regarding.kind,
                "name": regarding.name,
                "uid": regarding.uid,
                **({"namespace": regarding.namespace} if regarding.namespace else {}),
            },
        }


def shortened(note: str) -> str:
    """A note that the API server takes: at most `NOTE_BYTES` of UTF-8, with `…` where something was left out."""
    whole = note.encode()
    if len(whole) <= NOTE_BYTES:
        return note
    mark = "…"
    return whole[: NOTE_BYTES - len(mark.encode())].decode("utf-8", "ignore") + mark
