"""Who writes: leader election on a `coordination.k8s.io` Lease, so that of several operators one acts.

The rules are client-go's: a lease is taken over only after it was seen unchanged for its whole duration by the
taker's own clock (times that another process wrote are never compared with ours), and a leader stops calling itself
one `renew_seconds` after its last good renewal was sent, which is sooner than anyone may take over. Every write is
conditional on the version that was read. What a leader does is no concern of this module.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from quartermaster.cluster.client import Client
from quartermaster.cluster.errors import ApiError, CredentialsError
from quartermaster.cluster.resources import LEASES

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LeaseTiming:
    """How long a lease lasts, for how long a leader trusts its last renewal, and how often a step is made.

    Raises:
        ValueError: `step_seconds` < `renew_seconds` < `duration_seconds` does not hold.
    """

    duration_seconds: int = 15
    renew_seconds: float = 10.0
    step_seconds: float = 2.0
    clock: Callable[[], float] = monotonic
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        """Refuse times with which two could lead at once."""
        if not self.step_seconds < self.renew_seconds < self.duration_seconds:
            message = (
                "wanted step < renew < duration, found "
                f"{self.step_seconds}, {self.renew_seconds}, {self.duration_seconds} seconds; "
                "make the duration longer or the step shorter"
            )
            raise ValueError(message)


class Candidate:
    """One process that would lead. Run `run()` as a task; ask `is_leader` before every write."""

    def __init__(
        self,
        client: Client,
        *,
        namespace: str,
        name: str,
        identity: str,
        timing: LeaseTiming | None = None,
    ) -> None:
        """Nothing is sent yet; `identity` must be that of this process alone."""
        self.identity = identity
        self.leading = asyncio.Event()
        self.transitions = 0
        self._client = client
        self._namespace = namespace
        self._name = name
        self._timing = timing or LeaseTiming()
        self._renewed_seconds: float | None = None
        self._seen: dict[str, Any] = {}
        self._seen_seconds = 0.0

    @property
    def is_leader(self) -> bool:
        """Whether this process may write now. It turns false by itself when renewals fail, without anyone's doing."""
        if self._renewed_seconds is None:
            return False
        return self._timing.clock() - self._renewed_seconds < self._timing.renew_seconds

    async def run(self) -> None:
        """Try to lead, and go on leading, until cancelled; then let go of the lease, so that another may lead at once.

        `leading` is set while this process leads; `transitions` counts, over all processes, how often the lease
        changed hands.
        """
        try:
            while True:
                await self._step()
                await asyncio.sleep(self._timing.step_seconds)
        finally:
            await self._release()

    async def _step(self) -> None:
        """One try to take or to renew the lease; a failure is left to the next try."""
        sent_seconds = self._timing.clock()
        try:
            # A request that hangs must not outlive the trust in the last renewal.
            async with asyncio.timeout(self._timing.renew_seconds / 2):
                has_lease = await self._take_or_renew()
        except (ApiError, CredentialsError, TimeoutError) as error:
            if not (isinstance(error, ApiError) and error.is_conflict):
                logger.warning("lease %s/%s: %s", self._namespace, self._name, str(error) or "no answer in time")
            has_lease = None
        if has_lease:
            self._renewed_seconds = sent_seconds
        elif has_lease is False:
            self._renewed_seconds = None
        self._tell()

    async def _take_or_renew(self) -> bool:
        """Whether the lease is ours after this step."""
        try:
            found = await self._client.get(LEASES, self._namespace, self._name)
        except ApiError as error:
            if not error.is_not_found:
                raise
            self._see(await self._client.create(LEASES, self._document(spec={}, transitions=0)))
            return True
        self._see(found)
        spec = found.get("spec") or {}
        holder = spec.get("holderIdentity") or ""
        transitions = int(spec.get("leaseTransitions") or 0)
        if holder and holder != self.identity and not self._has_expired(spec):
            return False
        if holder != self.identity:
            transitions += 1
        document = self._document(spec=spec, transitions=transitions)
        document["metadata"] = found["metadata"]
        self._see(await self._client.replace(LEASES, document))
        return True

    def _has_expired(self, spec: dict[str, Any]) -> bool:
        """Whether another's lease was seen unchanged, by our clock, for as long as it lasts."""
        lasts_seconds = float(spec.get("leaseDurationSeconds") or self._timing.duration_seconds)
        return self._timing.clock() - self._seen_seconds >= lasts_seconds

    def _see(self, lease: dict[str, Any]) -> None:
        """Take note of a lease; the clock of its expiry starts when it was first seen like this."""
        spec = lease.get("spec") or {}
        self.transitions = int(spec.get("leaseTransitions") or 0)
        if spec != self._seen:
            self._seen, self._seen_seconds = spec, self._timing.clock()

    def _document(self, *, spec: dict[str, Any], transitions: int) -> dict[str, Any]:
        moment = self._timing.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        is_ours = spec.get("holderIdentity") == self.identity
        return {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {"name": self._name, "namespace": self._namespace},
            "spec": {
                "holderIdentity": self.identity,
                "leaseDurationSeconds": self._timing.duration_seconds,
                "acquireTime": spec.get("acquireTime", moment) if is_ours else moment,
                "renewTime": moment,
                "leaseTransitions": transitions,
            },
        }

    def _tell(self) -> None:
        if self.is_leader and not self.leading.is_set():
            self.leading.set()
            logger.info("%s leads by lease %s/%s", self.identity, self._namespace, self._name)
        elif not self.is_leader and self.leading.is_set():
            self.leading.clear()
            logger.warning("%s leads no more by lease %s/%s", self.identity, self._namespace, self._name)

    async def _release(self) -> None:
        """Let go of the lease if it is ours; where that fails, it expires by itself."""
        was_leader, self._renewed_seconds = self.is_leader, None
        self.leading.clear()
        if not was_leader:
            return
        try:
            async with asyncio.timeout(self._timing.step_seconds):
                found = await self._client.get(LEASES, self._namespace, self._name)
                if (found.get("spec") or {}).get("holderIdentity") == self.identity:
                    # An empty holder is what client-go writes: whoever looks next may take it at once.
                    found["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
                    await self._client.replace(LEASES, found)
        except (ApiError, CredentialsError, TimeoutError) as error:
            logger.warning("lease %s/%s could not be let go: %s", self._namespace, self._name, error)
