"""Reading a double's metrics as a scraper does: with the parser of the Prometheus client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

_PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Exposed:
    """The types of the families and the values of the samples, the latter summed over their labels."""

    type_by_family: dict[str, str]
    value_by_sample: dict[str, float]
    labels_by_sample: dict[str, frozenset[str]]


def parse(text: str) -> Exposed:
    """Parse a text; raises ValueError as the parser does."""
    types: dict[str, str] = {}
    values: dict[str, float] = {}
    labels: dict[str, frozenset[str]] = {}
    for family in text_string_to_metric_families(text):
        assert family.name not in types, f"{family.name} appears twice"
        types[family.name] = family.type
        for sample in family.samples:
            values[sample.name] = values.get(sample.name, 0.0) + sample.value
            labels[sample.name] = frozenset(sample.labels) - {"le"}
    return Exposed(types, values, labels)


async def scrape(session: aiohttp.ClientSession, address: str, path: str = "/metrics") -> Exposed:
    """Fetch and parse the metrics of a double."""
    async with session.get(f"http://{address}{path}") as response:
        assert response.status == 200
        assert response.content_type == "text/plain"
        return parse(await response.text())


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    """Ask until something holds; TimeoutError long after any machine should be there."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not await holds():  # noqa: ASYNC110 - what is asked lies behind a socket and does not call
            await asyncio.sleep(0.01)
