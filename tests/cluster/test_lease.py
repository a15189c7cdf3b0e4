"""One of several candidates leads, on the real API server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from quartermaster.cluster import resources
from quartermaster.cluster.call import Victim
from quartermaster.cluster.client import Client
from quartermaster.cluster.lease import Candidate, LeaseTiming
from tests.cluster.meddler import Meddler

QUICK = LeaseTiming(duration_seconds=4, renew_seconds=3.0, step_seconds=0.1)


def _candidate(client: Client, namespace: str, identity: str, timing: LeaseTiming = QUICK) -> Candidate:
    return Candidate(client, namespace=namespace, name="quartermaster", identity=identity, timing=timing)


@asynccontextmanager
async def running(candidate: Candidate) -> AsyncIterator[asyncio.Task[None]]:
    """Let a candidate run, and end it in good order."""
    task = asyncio.create_task(candidate.run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _until(predicate: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not predicate():  # noqa: ASYNC110  # what is waited for has no event of its own
            await asyncio.sleep(0.005)


async def test_one_of_two_leads(client: Client, namespace: str) -> None:
    """And goes on leading, while the other waits."""
    first, second = _candidate(client, namespace, "first"), _candidate(client, namespace, "second")
    async with running(first), running(second):
        await _until(lambda: first.is_leader or second.is_leader)
        leader, other = (first, second) if first.is_leader else (second, first)
        # Longer than a lease lasts: it must have been renewed.
        for _ in range(50):
            await asyncio.sleep(0.1)
            assert leader.is_leader
            assert not other.is_leader
        lease = await client.get(resources.LEASES, namespace, "quartermaster")
        assert lease["spec"]["holderIdentity"] == leader.identity
        assert lease["spec"]["renewTime"] > lease["spec"]["acquireTime"]


async def test_a_leader_that_shuts_down_hands_over_at_once(client: Client, namespace: str) -> None:
    """The next one need not wait for the lease to expire: here that would take an hour."""
    timing = LeaseTiming(duration_seconds=3600, renew_seconds=1800.0, step_seconds=0.1)
    first, second = (_candidate(client, namespace, name, timing) for name in ("first", "second"))
    async with running(first) as task:
        await first.leading.wait()
        async with running(second):
            task.cancel()
            async with asyncio.timeout(20):
                await second.leading.wait()
            assert not first.is_leader
            assert not first.leading.is_set()
            assert second.transitions == 1


async def test_a_leader_that_vanishes_is_followed_once_its_lease_has_expired(
    client: Client, meddled: Client, meddler: Meddler, namespace: str
) -> None:
    """It cannot reach the API server any more. It stops leading by itself before anyone else begins."""
    first, second = _candidate(meddled, namespace, "first"), _candidate(client, namespace, "second")
    async with running(first):
        async with asyncio.timeout(20):
            await first.leading.wait()
        async with running(second):
            await asyncio.sleep(0.3)
            assert not second.is_leader
            meddler.hold()
            await _until(lambda: second.is_leader)
            assert not first.is_leader
            assert second.transitions == 1
            meddler.flow()
            await asyncio.sleep(0.5)
            assert not first.is_leader
            assert second.is_leader


async def test_a_lease_that_someone_deletes_is_made_anew(client: Client, namespace: str) -> None:
    """Whoever comes first has it; here there is only one."""
    candidate = _candidate(client, namespace, "first")
    async with running(candidate):
        await candidate.leading.wait()
        lease = await client.get(resources.LEASES, namespace, "quartermaster")
        await client.delete(Victim(resources.LEASES, namespace, "quartermaster", lease["metadata"]["uid"]))
        await asyncio.sleep(0.5)
        assert candidate.is_leader
        assert (await client.get(resources.LEASES, namespace, "quartermaster"))["metadata"]["uid"] != lease["metadata"][
            "uid"
        ]


async def test_a_leader_trusts_its_last_renewal_only_so_long(client: Client, namespace: str) -> None:
    """By a clock that is given: without a renewal it leads no more, though nobody told it."""
    now = [100.0]
    timing = LeaseTiming(clock=lambda: now[0])
    candidate = _candidate(client, namespace, "first", timing)
    assert not candidate.is_leader
    await candidate._step()
    assert candidate.is_leader
    now[0] += 9.9
    assert candidate.is_leader
    now[0] += 0.1
    assert not candidate.is_leader


async def test_anothers_lease_is_judged_by_our_own_clock(client: Client, namespace: str) -> None:
    """What time the other wrote does not matter: only for how long we saw it unchanged."""
    now = [100.0]
    holder = _candidate(client, namespace, "holder")
    await holder._step()
    taker = _candidate(client, namespace, "taker", LeaseTiming(clock=lambda: now[0]))
    await taker._step()
    now[0] += 3.9
    await taker._step()
    assert not taker.is_leader
    await holder._step()
    now[0] += 3.9
    await taker._step()
    assert not taker.is_leader
    now[0] += 4.0
    await taker._step()
    assert taker.is_leader
    assert taker.transitions == 1


@pytest.mark.parametrize(("duration", "renew", "step"), [(10, 10.0, 2.0), (15, 2.0, 2.0), (5, 10.0, 2.0)])
def test_times_with_which_two_could_lead_are_refused(duration: int, renew: float, step: float) -> None:
    """The error says what must hold."""
    with pytest.raises(ValueError, match="wanted step < renew < duration"):
        LeaseTiming(duration_seconds=duration, renew_seconds=renew, step_seconds=step)
