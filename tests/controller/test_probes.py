"""The probes answer over a real socket what the loop says of itself."""

import aiohttp

from quartermaster.controller import probes
from quartermaster.telemetry.metrics import Metrics


async def test_probes_tell_the_verdict_and_its_sentence() -> None:
    """Healthy is 200, not ready is 503, and metrics are in Prometheus' format."""
    verdicts = {"alive": (True, "it turns"), "ready": (False, "caches not fresh: pods")}
    async with (
        probes.serving(
            "127.0.0.1:0",
            is_alive=lambda: verdicts["alive"],
            is_ready=lambda: verdicts["ready"],
            metrics=Metrics(),
        ) as address,
        aiohttp.ClientSession(f"http://{address}") as session,
    ):
        async with session.get("/healthz") as answer:
            assert (answer.status, await answer.text()) == (200, "it turns\n")
        async with session.get("/readyz") as answer:
            assert (answer.status, await answer.text()) == (503, "caches not fresh: pods\n")
        verdicts["ready"] = (True, "every cache is fresh")
        async with session.get("/readyz") as answer:
            assert answer.status == 200
        async with session.get("/metrics") as answer:
            assert answer.headers["Content-Type"].startswith("text/plain")
            assert "quartermaster_plan_gap_fraction" in await answer.text()
