"""Rates and token means of real clients: ServeGen where its files are at hand, else lognormals of the same moments.

ServeGen (github.com/alibaba/ServeGen, Apache-2.0) publishes 116 clients of two production models. `QUARTERMASTER_DATA`
names the folder whose `data/servegen/` holds them. The moments below were taken from those files on 2026-11-21.
"""

import csv
import gzip
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

FILES = ("language-m-small.csv.gz", "reason-deepseek-r1.csv.gz")
LOG_RATE_SIGMA = 1.24
"""Of the clients' mean rates about the geometric mean of their file, both files together."""
LOG_INPUT_MOMENTS = (5.77, 1.42)
LOG_OUTPUT_MOMENTS = (5.21, 1.84)
FEWEST_TOKENS, MOST_INPUT_TOKENS, MOST_OUTPUT_TOKENS = 16, 8192, 4096
FALLBACK_CLIENTS = 116


@dataclass(frozen=True, slots=True)
class Clients:
    """Clients side by side, in arrays of equal length."""

    relative_rates: np.ndarray
    """Mean rate over the geometric mean of all clients."""
    input_tokens: np.ndarray
    output_tokens: np.ndarray
    source: str


@lru_cache(maxsize=1)
def clients() -> Clients:
    """Return the clients of ServeGen, or as many drawn from lognormals; ``source`` says which."""
    folder = os.environ.get("QUARTERMASTER_DATA")
    paths = [Path(folder) / "data" / "servegen" / name for name in FILES] if folder else []
    if paths and all(path.is_file() for path in paths):
        parts = [_read(path) for path in paths]
        rates, inputs, outputs = (np.concatenate([part[i] for part in parts]) for i in range(3))
        source = "ServeGen"
    else:
        random = np.random.default_rng(0)
        rates = random.lognormal(0.0, LOG_RATE_SIGMA, FALLBACK_CLIENTS)
        inputs = random.lognormal(*LOG_INPUT_MOMENTS, FALLBACK_CLIENTS)
        outputs = random.lognormal(*LOG_OUTPUT_MOMENTS, FALLBACK_CLIENTS)
        source = f"lognormals with the moments of ServeGen, for want of {' and '.join(FILES)} in QUARTERMASTER_DATA"
    return Clients(
        rates,
        np.clip(np.round(inputs), FEWEST_TOKENS, MOST_INPUT_TOKENS),
        np.clip(np.round(outputs), FEWEST_TOKENS, MOST_OUTPUT_TOKENS),
        source,
    )


def _read(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return relative rates and token means of a file's clients, over the windows that publish their tokens."""
    sums: dict[str, np.ndarray] = {}
    with gzip.open(path, "rt", encoding="utf-8") as text:
        for row in csv.DictReader(text):
            if row["mean_input_tokens"] and row["mean_output_tokens"]:
                rate = float(row["requests_per_second"])
                tokens = (rate * float(row["mean_input_tokens"]), rate * float(row["mean_output_tokens"]))
                found = sums.setdefault(row["client"], np.zeros(4))
                found += (rate, *tokens, 1)
    table = np.array([sums[client] for client in sorted(sums) if sums[client][0] > 0])
    rates = table[:, 0] / table[:, 3]
    return rates / np.exp(np.mean(np.log(rates))), table[:, 1] / table[:, 0], table[:, 2] / table[:, 0]
