"""Fixtures: doubles of model servers on addresses of their own, and a scraper."""

from collections.abc import AsyncIterator

import pytest

from quartermaster.telemetry.scrape import Scraper
from tests.modelserver.conftest import addresses, servers, session

__all__ = ["addresses", "scraper", "servers", "session"]


@pytest.fixture
async def scraper() -> AsyncIterator[Scraper]:
    """Yield a scraper with short patience, since some tests wait for it to run out."""
    async with Scraper(timeout_seconds=1.0) as opened:
        yield opened
