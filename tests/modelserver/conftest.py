"""Fixtures for the tests over sockets: addresses that nobody else uses, doubles, and a client session."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from itertools import count

import aiohttp
import pytest

from tests.lab.modelserver import ModelServers

_FIRST_NETWORK, _NETWORKS = 130, 120  # the networks of the laboratory's clusters lie below
_HOSTS = count(1)


@pytest.fixture
def addresses() -> Iterator[str]:
    """Return an endless supply of loopback hosts, different in every test and process."""
    process = os.getpid()
    network = f"127.{_FIRST_NETWORK + process % _NETWORKS}.{process // _NETWORKS % 250}"
    return (f"{network}.{number % 250 + 1}:8000" for number in _HOSTS)


@pytest.fixture
async def servers() -> AsyncIterator[ModelServers]:
    """Yield doubles in this process, in real time."""
    async with ModelServers(stream_interval_seconds=0.05) as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Yield an HTTP client that never waits longer than a test may."""
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as opened:
        yield opened
