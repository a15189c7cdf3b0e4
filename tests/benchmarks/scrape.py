"""How long it takes to scrape many replicas, how much of a core, and how our reader compares with Prometheus' own.

`python -m tests.benchmarks.scrape [--replicas 150] [--rounds 10]` starts doubles of vLLM in a process of their own,
sends each a request, and then scrapes all of them round after round. Figures depend on the machine and are printed, not
asserted.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from quartermaster.autoscaler.load import load_of
from quartermaster.autoscaler.window import Window
from quartermaster.catalog.vocabulary import MetricDialect
from quartermaster.planner.fleet import Place
from quartermaster.telemetry.dialects import DIALECTS
from quartermaster.telemetry.exposition import parse
from quartermaster.telemetry.scrape import CONCURRENCY, Scraped, Scraper, Target
from tests.lab.modelserver import ReplicaPhysics, model_servers_process

PERIOD_SECONDS = 2.0
"""The fast period of the loop, in which a round must fit."""
HOSTS_PER_NETWORK = 250
REPEATS = 30


def address(index: int) -> str:
    """Return the loopback host of a double."""
    return f"127.249.{index // HOSTS_PER_NETWORK}.{index % HOSTS_PER_NETWORK + 1}"


async def send(session: aiohttp.ClientSession, host: str) -> None:
    """Send one request and read the answer."""
    body = {"model": "m", "prompt": [1] * 200, "max_tokens": 20}
    async with session.post(f"http://{host}:8000/v1/completions", json=body) as response:
        await response.read()


async def rounds(targets: list[Target], count: int) -> list[tuple[float, float, list[Scraped]]]:
    """Scrape round after round; wall seconds, CPU seconds of this process, and answers of each."""
    found = []
    async with Scraper() as scraper:
        for _ in range(count):
            wall, cpu = time.perf_counter(), time.process_time()
            answers = await scraper.scrape(targets)
            found.append((time.perf_counter() - wall, time.process_time() - cpu, answers))
    return found


def milliseconds(work: Callable[[], object]) -> float:
    """Return the median time of a piece of work."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return 1000 * statistics.median(times)


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(text + "\n")


async def measure(replicas: int, count: int) -> None:
    """Start the doubles, scrape them, print what it took."""
    hosts = [address(index) for index in range(replicas)]
    async with model_servers_process() as (servers, _), aiohttp.ClientSession() as session:
        for host in hosts:
            await servers.add(f"{host}:8000", engine="vllm", model="m", physics=ReplicaPhysics())
        for start in range(0, replicas, CONCURRENCY):
            await asyncio.gather(*(send(session, host) for host in hosts[start : start + CONCURRENCY]))
        async with session.get(f"http://{hosts[0]}:8000/metrics") as response:
            page = await response.read()
        targets = [Target(host, host, Place("pool", "shape"), host, MetricDialect.VLLM) for host in hosts]
        measured = await rounds(targets, count)
    report(measured, replicas)
    report_window(measured)
    report_reader(page)


def report(measured: list[tuple[float, float, list[Scraped]]], replicas: int) -> None:
    """Print what rounds took; the first one opens the connections."""
    kept = measured[1:] or measured
    wall = statistics.median(one[0] for one in kept)
    cpu = statistics.median(one[1] for one in kept)
    results = Counter(answer.result.value for one in measured for answer in one[2])
    say(f"{replicas} replicas, {CONCURRENCY} at once, {len(measured)} rounds: {dict(results)}")
    say(f"  first round    {measured[0][0] * 1000:8.0f} ms, {measured[0][1] * 1000:6.0f} ms of CPU")
    say(f"  median round   {wall * 1000:8.0f} ms, {cpu * 1000:6.0f} ms of CPU, {cpu / replicas * 1000:.2f} per replica")
    say(f"  throughput     {replicas / wall:8.0f} replicas/s")
    say(f"  every {PERIOD_SECONDS:g} s      {cpu / PERIOD_SECONDS:8.1%} of a core")


def report_window(measured: list[tuple[float, float, list[Scraped]]]) -> None:
    """Print what it takes to keep the window of one deployment of all replicas, and to read its load."""
    rows = [[answer.sample for answer in answers if answer.sample is not None] for _, _, answers in measured]
    samples = rows[-1]
    now = max(sample.at_seconds for sample in samples)
    before = Window()
    for row in rows[:-1]:
        before = before.add(row, now_seconds=now)
    window = before.add(samples, now_seconds=now)
    uids = [sample.pod_uid for sample in samples]
    say(f"  window: add    {milliseconds(lambda: before.add(samples, now_seconds=now)):8.2f} ms")
    say(f"  window: load   {milliseconds(lambda: load_of(window, uids, now_seconds=now)):8.2f} ms")


def report_reader(page: bytes) -> None:
    """Print how long one page takes, ours and Prometheus' own reader."""
    wanted = DIALECTS[MetricDialect.VLLM].wanted
    ours = milliseconds(lambda: parse(page, wanted))
    theirs = milliseconds(lambda: [family.samples for family in text_string_to_metric_families(page.decode())])
    lines = page.count(b"\n")
    say(f"one page of {lines} lines, {len(page)} bytes:")
    say(f"  our reader     {ours:8.2f} ms")
    say(f"  Prometheus'    {theirs:8.2f} ms, {theirs / ours:.1f} times as long")


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicas", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.replicas, arguments.rounds))


if __name__ == "__main__":
    main()
