"""How far the throughput model is from public measurements that it was not fitted to, and how fast it answers.

`QUARTERMASTER_DATA=… python -m tests.benchmarks.throughput` fits without one group at a time (model, system,
precision), without one model, without one system. Then the first three points of each calibrated group (with backend
and parallelism) correct a fit that never saw the group. Figures of errors do not depend on the machine; seconds do.
"""

import sys
import time
from collections.abc import Callable, Hashable
from random import Random

from quartermaster.planner.fleet import Source
from quartermaster.planner.throughput.coefficients import Coefficients
from quartermaster.planner.throughput.fit import Mix, Timing, throughputs
from tests.fitting.errors import Errors, after_points, errors_of, without
from tests.fitting.samples import DataMissingError, Sample, silicon, splitwise

CASES = 30_000
POINTS = 3
KEYS: tuple[tuple[str, Callable[[Sample], Hashable]], ...] = (
    ("group left out (model, system, precision)", lambda sample: sample.group),
    ("model left out", lambda sample: sample.measured.model.name),
    ("system left out", lambda sample: sample.measured.accelerator.name),
)


def cases(count: int) -> list[tuple[Timing, Mix, float | None]]:
    """Return distinct replicas and mixes with batches of up to 256, half of them mixtures of experts."""
    random = Random(1)
    found: list[tuple[Timing, Mix, float | None]] = []
    for _ in range(count):
        coefficients = Coefficients(
            alpha_seconds=10 ** random.uniform(-2.6, -1.5),
            beta_seconds_per_token=10 ** random.uniform(-5.3, -4),
            gamma_seconds_per_token=10 ** random.uniform(-8.5, -6.5),
            expert_seconds=random.choice((0.0, 0.01)),
            active_fraction=random.uniform(0.02, 0.3),
            request_seconds=0.05,
        )
        ttft, itl = random.choice((None, random.uniform(0.2, 10))), random.choice((None, random.uniform(0.01, 0.2)))
        mix = Mix(10 ** random.uniform(1.5, 4), 10 ** random.uniform(1, 3.3), ttft, itl)
        found.append((Timing(coefficients, 256, 10**9, Source.ESTIMATED), mix, None))
    return found


def row(name: str, errors: Errors) -> str:
    """Return one line of the table."""
    figures = " ".join(f"{value:>9.1%}" for value in errors.summary())
    return f"{name:<44}{errors.time_per_output_token.size:>7} {figures}\n"


def main() -> int:
    """Print the tables; returns 1 when the measurements are not there."""
    given = cases(CASES)
    began = time.process_time()
    throughputs(given)
    sys.stdout.write(
        f"{CASES:,} distinct throughputs, batches of 256: {time.process_time() - began:.2f} s of one core\n\n"
    )
    try:
        samples, older = silicon(), splitwise()
    except DataMissingError as missing:
        sys.stderr.write(f"wanted the measurements: {missing}\n")
        return 1
    header = ("points", "TPOT", "p90", "TTFT", "p90")
    sys.stdout.write(f"{'error of':<44}{header[0]:>7} {' '.join(f'{name:>9}' for name in header[1:])}\n")
    for name, key in KEYS:
        coefficients = without(samples, older, key=key)
        sys.stdout.write(row(name, errors_of(samples, coefficients)))
        if name == KEYS[0][0]:
            others = errors_of(*after_points(samples, coefficients, points=POINTS))
            sys.stdout.write(row(f"  and {POINTS} points of each calibrated group", others))
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
