"""Fit the throughput model to public measurements and write the table that ships.

`QUARTERMASTER_DATA=… python -m tests.fitting.efficiency` rewrites `planner/throughput/efficiency_table.py`: the same
data, the same table. Numbers are rounded to three digits: the measurements carry no more.
"""

import math
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quartermaster.planner.throughput import efficiency_table
from quartermaster.planner.throughput.work import TERMS
from tests.fitting.errors import left_out, two_thirds
from tests.fitting.mlperf import ratios, recipe_ratios
from tests.fitting.models import FIRST_UNITS, Fit, fit
from tests.fitting.samples import GROUPS, DataMissingError, silicon, splitwise

SHIPPED = GROUPS[:-1]
LEAST_PENALTY = 0.2
"""Half the uncertainty of a vendor without points of its own: a plan errs towards too many replicas."""
HEADER = '''\
"""How much longer engines take than the datasheet says, as fitted to measurements. Written by a program; figures only.

Sources: {points:,} aggregated points of the public table of ai-dynamo/aiconfigurator (095f58a5, 2026-08: vLLM, SGLang
and TensorRT-LLM on NVIDIA's Hopper and Blackwell), {older} shapes of Mutinifni/splitwise-sim (8f99e7dc: A100 and H100),
and the ratios between chips of MLPerf Inference v5.1 and v6.0 for the penalties of vendors. Written 2026-11-21 by
``python -m tests.fitting.efficiency``, which also says how well it predicts groups that it was not fitted to.
A row: base factor, and the logarithms by which engines and chip families change it (Hopper is the base).
"""

Row = tuple[float, dict[str, float]]

ENGINES = ("VLLM", "SGLang", "TensorRTLLM")
"""Engines with points of their own."""

'''
FOOTER = '''
VENDOR_PENALTY = {{"amd": {amd}, "google": {google}, "others": {others}}}
"""Logarithm of the factor for chips without points of their own. AMD: the median of {amd_rows} results against
NVIDIA's chips in the same round, model and format of MLPerf. Google: {google_rows} rows of the recipes of
AI-Hypercomputer for TPU v6e (2026-08-07), which run as fast as predicted. Others: nobody measured, so the slower of
the two. None is below 0.2, half the uncertainty: a plan errs towards too many replicas."""

UNCERTAINTY = {{
    "hopper": ({ttft}, {tpot}),
    "blackwell": ({ttft}, {tpot}),
    "ampere": ({ttft}, 0.35),
    "amd": (0.6, 0.4),
    "google": (0.6, 0.4),
    "others": (0.7, 0.5),
}}
"""Standard deviations of the logarithm of the time to first token and of the time per token, by family or vendor.
Hopper and Blackwell: what two thirds of the points in groups left out of the fit stay below. Others: judged wider."""
'''


@dataclass(frozen=True, slots=True)
class Apart:
    """What the table says beside the fit: rows and penalties of vendors, and the errors of groups left out."""

    amd: list[float]
    google: list[float]
    ttft: float
    tpot: float

    def footer(self) -> str:
        """Return the last part of the table."""
        medians = [math.log(statistics.median(found)) for found in (self.amd, self.google)]
        penalties = [round(max(median, LEAST_PENALTY), 2) for median in medians]
        return FOOTER.format(
            amd=penalties[0],
            google=penalties[1],
            others=max(penalties),
            amd_rows=len(self.amd),
            google_rows=len(self.google),
            ttft=round(self.ttft, 2),
            tpot=round(self.tpot, 2),
        )


def table(found: Fit, *, points: int, older: int, apart: Apart) -> str:
    """Return the text of the table."""
    lines = [HEADER.format(points=points, older=older), "STEP: dict[str, Row] = {\n"]
    lines += _rows(TERMS, found.step, np.ones(len(TERMS)))
    lines += [
        '}\n"""By what is done in a step; the order is that of ``work.TERMS``."""\n\n',
        "FIRST: dict[str, Row] = {\n",
    ]
    lines += _rows(tuple(FIRST_UNITS), found.first, np.array(list(FIRST_UNITS.values())))
    lines += ['}\n"""Of the time to first token; names are those of ``coefficients``."""\n', apart.footer()]
    return "".join(lines)


def _rows(names: tuple[str, ...], logarithms: NDArray[np.float64], units: NDArray[np.float64]) -> list[str]:
    lines = []
    for place, name in enumerate(names):
        base = float(f"{np.exp(logarithms[0, place]) * units[place]:.3g}")
        changes = {group: round(float(row[place]), 2) for group, row in zip(SHIPPED, logarithms[1:], strict=False)}
        told = ", ".join(f'"{group}": {change}' for group, change in changes.items() if change)
        lines.append(f'    "{name}": ({base}, {{{told}}}),\n')
    return lines


def main() -> int:
    """Write the table; returns 1 when the measurements are not there."""
    try:
        points, older = silicon(), splitwise()
    except DataMissingError as missing:
        sys.stderr.write(f"wanted the measurements: {missing}\n")
        return 1
    found = fit(points, older)
    bases = tuple(np.exp(found.step[0]).tolist())
    errors = left_out(points, older, key=lambda sample: sample.group)
    apart = Apart(
        amd=ratios("AMD", bases),
        google=recipe_ratios(bases),
        ttft=two_thirds(errors.time_to_first_token),
        tpot=two_thirds(errors.time_per_output_token),
    )
    text = table(found, points=len(points), older=len(older), apart=apart)
    Path(str(efficiency_table.__file__)).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
