"""`python -m tests.lab.load`: load from a trace or made up, sent to addresses that are given or read from a file.

python -m tests.lab.load --model m --endpoints 127.64.0.5:8000 --rate 20 --seconds 60
python -m tests.lab.load --model m --endpoints-file addresses.txt --trace conv.csv --speed 10 --json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.lab.load.arrival import Arrival, Lengths, Phase, read_trace, rescale, synthetic
from tests.lab.load.balance import Balance, Endpoints
from tests.lab.load.generator import LoadGenerator, LoadOptions
from tests.lab.load.record import Distribution, Summary


def main() -> int:
    """Send the load that the command line asks for; exit 0 when every request was answered, 1 otherwise."""
    arguments = _parser().parse_args()
    options = LoadOptions(
        model=arguments.model,
        is_chat=arguments.chat,
        balance=Balance(arguments.balance),
        seed=arguments.seed,
        most_requests=arguments.most_requests,
        most_seconds=arguments.seconds,
        most_in_flight=arguments.most_in_flight,
    )
    endpoints = _endpoints(arguments.endpoints, arguments.endpoints_file)
    generator = LoadGenerator(_arrivals(arguments), endpoints, options)
    summary = asyncio.run(_run(generator, shows_progress=not arguments.json))
    sys.stdout.write(json.dumps(summary.as_json()) + "\n" if arguments.json else _table(summary))
    return 0 if summary.sent == summary.finished else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.lab.load", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True)
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--endpoints", metavar="HOST:PORT,…")
    target.add_argument(
        "--endpoints-file", type=Path, metavar="FILE", help="one address per line, read again on change"
    )
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--trace", type=Path, metavar="CSV", help="TIMESTAMP, ContextTokens, GeneratedTokens")
    kind.add_argument("--rate", type=float, help="requests per second")
    parser.add_argument("--speed", type=float, default=1.0, help="replay the trace this many times as fast")
    parser.add_argument("--rate-factor", type=float, default=1.0, help="send this many times the requests of the trace")
    parser.add_argument("--prompt-tokens", type=float, default=512, help="mean, with --rate")
    parser.add_argument("--output-tokens", type=float, default=128, help="mean, with --rate")
    parser.add_argument("--length-variation", type=float, default=0.5, help="coefficient of variation, with --rate")
    parser.add_argument("--gap-variation", type=float, default=1.0, help="1 is Poisson, with --rate")
    parser.add_argument("--seconds", type=float, default=60.0, help="send no request later than this")
    parser.add_argument("--most-requests", type=int, default=100_000)
    parser.add_argument("--most-in-flight", type=int, default=2000)
    parser.add_argument("--balance", choices=[*Balance], default=Balance.RANDOM)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--chat", action="store_true", help="use /v1/chat/completions")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser


def _arrivals(arguments: argparse.Namespace) -> Iterable[Arrival]:
    if arguments.trace is not None:
        arrivals = read_trace(arguments.trace)
        return rescale(arrivals, speed=arguments.speed, rate_factor=arguments.rate_factor, seed=arguments.seed)
    lengths = Lengths(arguments.prompt_tokens, arguments.output_tokens, arguments.length_variation)
    phases = [Phase(arguments.rate, arguments.seconds)]
    return synthetic(phases, lengths, variation=arguments.gap_variation, seed=arguments.seed)


def _endpoints(given: str | None, path: Path | None) -> Endpoints:
    """Return the addresses on the command line, or those that a file holds at the moment."""
    if path is None:
        addresses = [address.strip() for address in (given or "").split(",") if address.strip()]
        return lambda: addresses
    read: dict[int, list[str]] = {}

    def current() -> list[str]:
        changed_at = path.stat().st_mtime_ns
        if changed_at not in read:
            read.clear()
            read[changed_at] = [line.strip() for line in path.read_text().splitlines() if line.strip()]
        return read[changed_at]

    return current


async def _run(generator: LoadGenerator, *, shows_progress: bool) -> Summary:
    async with generator:
        while not await _ended_within(generator, 5.0):
            if shows_progress:
                recent = generator.summary(last_seconds=5.0)
                sys.stderr.write(
                    f"{generator.elapsed_seconds:6.0f} s  {recent.finished / recent.seconds:7.1f} answers/s  "
                    f"{recent.output_tokens_per_second:9.0f} tokens/s  {generator.in_flight:5d} in flight\n"
                )
    return generator.summary()


async def _ended_within(generator: LoadGenerator, seconds: float) -> bool:
    try:
        await asyncio.wait_for(generator.finished(), seconds)
    except TimeoutError:
        return False
    return True


def _table(summary: Summary) -> str:
    rate = summary.output_tokens_per_second
    lines = [f"{summary.sent} requests in {summary.seconds:.1f} s, {summary.finished} answered, {rate:.0f} tokens/s"]
    lines += [f"  {count} × {error}" for error, count in sorted(summary.errors.items())]
    lines.append(f"{'seconds':<22}{'mean':>10}{'p50':>10}{'p90':>10}{'p95':>10}{'p99':>10}")
    lines.append(_row("time to first token", summary.time_to_first_token))
    lines.append(_row("between tokens", summary.inter_token))
    lines.append(_row("end to end", summary.end_to_end))
    return "\n".join(lines) + "\n"


def _row(name: str, figures: Distribution) -> str:
    values = [figures.mean, *figures.percentiles.values()]
    return f"{name:<22}" + "".join("         –" if value is None else f"{value:10.4f}" for value in values)


if __name__ == "__main__":
    sys.exit(main())
