"""The load generator: arrivals exactly, sending against doubles, and figures that agree with the servers."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lab.load import (
    Arrival,
    Balance,
    Distribution,
    Lengths,
    LoadGenerator,
    LoadOptions,
    Phase,
    RequestRecord,
    read_trace,
    replay,
    rescale,
    summarise,
    synthetic,
)
from tests.lab.load.balance import Balancer
from tests.lab.modelserver import ModelServers, ReplicaPhysics
from tests.modelserver.requests import MODEL

QUICK = ReplicaPhysics(alpha_seconds=0.001)
AZURE_TRACE = "data/azure-llm-2023/conv.csv"


# Arrivals.


def test_a_trace_is_read_from_time_zero_in_order(tmp_path: Path) -> None:
    """Seven digits of a second are read, rows are sorted, and no length is zero."""
    path = tmp_path / "trace.csv"
    path.write_text(
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2023-11-16 18:15:48.1805900,396,109\n"
        "2023-11-16 18:15:46.6805900,374,0\n"
    )
    assert read_trace(path) == [Arrival(0.0, 374, 1), Arrival(1.5, 396, 109)]
    path.write_text("TIMESTAMP,Tokens\n")
    with pytest.raises(ValueError, match="ContextTokens"):
        read_trace(path)


@settings(max_examples=60)
@given(
    gaps=st.lists(st.floats(0.001, 5), min_size=1, max_size=60),
    speed=st.floats(0.1, 50),
    factor=st.integers(1, 5),
)
def test_scaling_keeps_the_shape(gaps: list[float], speed: float, factor: int) -> None:
    """A whole factor repeats every request within its gap; speed divides the times; lengths stay."""
    times = list(itertools.accumulate(gaps))
    arrivals = [Arrival(at, number + 1, 2 * number + 1) for number, at in enumerate(times)]
    scaled = rescale(arrivals, speed=speed, rate_factor=factor)
    assert len(scaled) == factor * len(arrivals)
    assert [item.at_seconds for item in scaled] == sorted(item.at_seconds for item in scaled)
    assert scaled[-1].at_seconds == pytest.approx(times[-1] / speed)
    for number, at in enumerate(times):
        copies = [item for item in scaled if item.prompt_tokens == number + 1]
        assert {item.output_tokens for item in copies} == {2 * number + 1}
        assert min(item.at_seconds for item in copies) == pytest.approx(at / speed)
        if number + 1 < len(times):
            assert max(item.at_seconds for item in copies) <= times[number + 1] / speed + 1e-9


def test_a_part_of_the_rate_leaves_out_about_that_part() -> None:
    """Equal seeds leave out the same; the number is near the factor."""
    arrivals = [Arrival(float(number), 1, 1) for number in range(4000)]
    kept = rescale(arrivals, rate_factor=0.25, seed=3)
    assert 850 < len(kept) < 1150
    assert kept == rescale(arrivals, rate_factor=0.25, seed=3) != rescale(arrivals, rate_factor=0.25, seed=4)


@pytest.mark.parametrize(("variation", "low", "high"), [(0.0, 0.0, 0.0), (1.0, 0.9, 1.1), (3.0, 2.5, 3.6)])
def test_made_up_arrivals_have_the_rate_and_the_burstiness_asked_for(variation: float, low: float, high: float) -> None:
    """The mean rate holds at any burstiness, and the coefficient of variation of the gaps is as stated."""
    times = [item.at_seconds for item in synthetic([Phase(20, 1000)], Lengths(), variation=variation, seed=1)]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    mean = sum(gaps) / len(gaps)
    spread = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5 / mean
    assert len(times) == pytest.approx(20_000, rel=0.1)
    assert low - 1e-6 <= spread <= high + 1e-6


def test_phases_follow_each_other_and_lengths_keep_their_mean() -> None:
    """Four times the rate gives four times the requests; a phase without requests is a pause."""
    phases = [Phase(10, 100), Phase(0, 50), Phase(40, 100)]
    arrivals = list(synthetic(phases, Lengths(600, 150, variation=1.0), seed=7))
    before = [item for item in arrivals if item.at_seconds < 100]
    after = [item for item in arrivals if item.at_seconds >= 150]
    assert len(before) + len(after) == len(arrivals)
    assert len(after) / len(before) == pytest.approx(4, rel=0.2)
    assert sum(item.prompt_tokens for item in arrivals) / len(arrivals) == pytest.approx(600, rel=0.1)
    assert sum(item.output_tokens for item in arrivals) / len(arrivals) == pytest.approx(150, rel=0.1)
    assert arrivals == list(synthetic(phases, Lengths(600, 150, variation=1.0), seed=7))


# Figures.


def test_percentiles_are_values_that_occurred() -> None:
    """The nearest rank of 1 to 100 is the percentile itself; nothing observed has no figures."""
    figures = Distribution.of(float(value) for value in range(100, 0, -1))
    assert (figures.count, figures.mean) == (100, 50.5)
    assert figures.percentiles == {50: 50, 90: 90, 95: 95, 99: 99}
    assert Distribution.of([]) == Distribution(0, None, {})


def test_failed_requests_count_as_sent_and_not_in_the_latencies() -> None:
    """A refused request is quick; it must not make the service look quick."""
    good = RequestRecord(0.0, "a", 2.0, time_to_first_token_seconds=1.0, prompt_tokens=5, output_tokens=1)
    bad = RequestRecord(0.1, "b", 0.001, error="503")
    summary = summarise([good, bad], seconds=4.0)
    assert (summary.sent, summary.finished, summary.errors) == (2, 1, {"503": 1})
    assert summary.end_to_end.mean == 2.0
    assert summary.inter_token.count == 0
    assert summary.output_tokens_per_second == 0.25
    document = summary.as_json()
    assert document["time_to_first_token_seconds"] == {"count": 1, "mean": 1, "p50": 1, "p90": 1, "p95": 1, "p99": 1}
    assert json.loads(json.dumps(document))["requests_by_endpoint"] == {"a": 1}


# Endpoints.


def test_endpoints_are_chosen_as_told() -> None:
    """In turn, at random, or where least is in flight; none is an answer too."""
    endpoints = ["a", "b", "c"]
    turn = Balancer(lambda: endpoints, Balance.ROUND_ROBIN, seed=0)
    assert sorted(str(turn.choose()) for _ in range(6)) == ["a", "a", "b", "b", "c", "c"]
    chance = Balancer(lambda: endpoints, Balance.RANDOM, seed=0)
    assert {chance.choose() for _ in range(100)} == set(endpoints)
    least = Balancer(lambda: endpoints, Balance.LEAST_IN_FLIGHT, seed=0)
    least.in_flight_by_endpoint.update({"a": 2, "b": 1, "c": 3})
    assert least.choose() == "b"
    assert Balancer(list, Balance.RANDOM, seed=0).choose() is None


async def doubles(servers: ModelServers, addresses: Iterator[str], *, count: int = 2) -> list[str]:
    """Add quick doubles and return their addresses."""
    chosen = [next(addresses) for _ in range(count)]
    for address in chosen:
        await servers.add(address, engine="vllm", model=MODEL, physics=QUICK)
    return chosen


async def test_endpoints_that_come_later_take_their_share(servers: ModelServers, addresses: Iterator[str]) -> None:
    """The list is asked for before every request, so new replicas get load and removed ones get none."""
    old, new = await doubles(servers, addresses)
    asked = itertools.count()

    def endpoints() -> list[str]:
        return [old] if next(asked) < 50 else [new]

    summary = await replay([Arrival(0.001 * number, 5, 2) for number in range(100)], endpoints, LoadOptions(MODEL))
    assert summary.requests_by_endpoint == {old: 50, new: 50}


async def test_everything_that_can_go_wrong_is_counted_by_its_kind(
    servers: ModelServers, addresses: Iterator[str]
) -> None:
    """No endpoint, nobody listening, a failing server, one that hangs, one that restarts."""
    failing, hanging, restarting = await doubles(servers, addresses, count=3)
    nobody = next(addresses)
    await servers.fault(failing, "500")
    await servers.fault(hanging, "hang")
    turns = itertools.cycle([[], [nobody], [failing], [hanging], [restarting]])
    arrivals = [Arrival(0.0, 5, 20_000)] * 10
    options = LoadOptions(MODEL, request_timeout_seconds=1.0)
    async with LoadGenerator(arrivals, lambda: next(turns), options) as load:
        await asyncio.sleep(0.3)
        await servers.fault(restarting, "restart")
        await load.finished()
        errors = load.summary().errors
    assert errors.pop("connection") + errors.pop("truncated", 0) == 4
    assert errors == {"no endpoint": 2, "500": 2, "timeout": 2}


async def test_a_load_keeps_its_bounds(servers: ModelServers, addresses: Iterator[str]) -> None:
    """At most so many requests, none later than told, and never more in flight than allowed."""
    (address,) = await doubles(servers, addresses, count=1)
    forever = (Arrival(0.001 * number, 5, 3) for number in itertools.count())
    assert (await replay(forever, lambda: [address], LoadOptions(MODEL, most_requests=30))).sent == 30
    late = [Arrival(0.0, 5, 3), Arrival(0.01, 5, 3), Arrival(99.0, 5, 3)]
    assert (await replay(late, lambda: [address], LoadOptions(MODEL, most_seconds=1.0))).sent == 2
    at_once = [Arrival(0.0, 5, 300)] * 20
    summary = await replay(at_once, lambda: [address], LoadOptions(MODEL, most_in_flight=5))
    assert (summary.finished, summary.errors) == (5, {"too many in flight": 15})


async def test_a_load_can_be_watched_and_stopped(servers: ModelServers, addresses: Iterator[str]) -> None:
    """Figures are there while it runs; after the stop nothing is in flight at either side."""
    (address,) = await doubles(servers, addresses, count=1)
    forever = synthetic([Phase(200, 3600)], Lengths(10, 10), seed=1)
    async with LoadGenerator(forever, lambda: [address], LoadOptions(MODEL)) as load:
        while load.summary().finished < 20:  # noqa: ASYNC110 - the figures are read, they do not call
            await asyncio.sleep(0.01)
        recent = load.summary(last_seconds=60)
        assert 20 <= recent.finished <= load.summary().sent
        assert recent.output_tokens_per_second > 0
    ended = load.summary()
    assert load.in_flight == 0
    await asyncio.sleep(0.05)
    assert load.summary() == ended
    assert (await servers.state(address)).running == 0


async def test_the_azure_trace_is_replayed_with_its_lengths(
    servers: ModelServers, addresses: Iterator[str], data_file: Callable[[str], Path]
) -> None:
    """Its first 300 requests, forty times as fast on replicas as much faster, lose no token and keep their order."""
    arrivals = read_trace(data_file(AZURE_TRACE), limit=300)
    fast = ReplicaPhysics().faster(40)
    replicas = [next(addresses) for _ in range(3)]
    for address in replicas:
        await servers.add(address, engine="vllm", model=MODEL, physics=fast)
    summary = await replay(rescale(arrivals, speed=40), lambda: replicas, LoadOptions(MODEL))
    assert (summary.finished, summary.errors) == (300, {})
    assert summary.prompt_tokens == sum(arrival.prompt_tokens for arrival in arrivals)
    states = await servers.states()
    assert sum(state.generation_tokens for state in states) == summary.output_tokens
    assert summary.output_tokens == sum(arrival.output_tokens for arrival in arrivals)
    assert summary.seconds >= arrivals[-1].at_seconds / 40


# The command line.


async def run_command(*arguments: str) -> tuple[int, str]:
    """Run `python -m tests.lab.load` and return its exit status and standard output."""
    command = [sys.executable, "-m", "tests.lab.load", *arguments]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def test_the_command_line_sends_and_prints_figures(
    servers: ModelServers, addresses: Iterator[str], tmp_path: Path
) -> None:
    """From a rate to addresses on the command line as a table, from a trace to addresses in a file as JSON."""
    replicas = await doubles(servers, addresses)
    wanted = ["--model", MODEL, "--endpoints", ",".join(replicas), "--rate", "50", "--seconds", "1", "--chat"]
    status, output = await run_command(*wanted, "--output-tokens", "5", "--balance", "round-robin")
    assert status == 0
    assert "time to first token" in output
    (file := tmp_path / "addresses").write_text("\n".join(replicas) + "\n")
    (trace := tmp_path / "trace.csv").write_text(
        "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6,30,4\n2023-11-16 18:15:56.6,40,6\n"
    )
    wanted = ["--model", MODEL, "--endpoints-file", str(file), "--trace", str(trace), "--speed", "100", "--json"]
    status, output = await run_command(*wanted)
    figures = json.loads(output)
    assert (status, figures["finished"], figures["prompt_tokens"], figures["output_tokens"]) == (0, 2, 70, 10)


async def test_the_command_line_fails_when_requests_fail(addresses: Iterator[str]) -> None:
    """Nobody listens: the exit status says so."""
    wanted = ["--model", MODEL, "--endpoints", next(addresses), "--rate", "20", "--seconds", "0.5", "--json"]
    status, output = await run_command(*wanted)
    assert status == 1
    assert set(json.loads(output)["errors"]) == {"connection"}
