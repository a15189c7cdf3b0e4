"""`python -m tests.benchmarks.instances --deployments N --pools P --seed S --out DIR`: an instance as files."""

import argparse
import dataclasses
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.benchmarks.instances.files import FORMATS, write
from tests.benchmarks.instances.generate import generate
from tests.benchmarks.instances.recipe import Recipe


def main() -> None:
    """Write the instance, and say what it is."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.instances", description=__doc__)
    for knob in dataclasses.fields(Recipe):
        name = f"--{knob.name.replace('_', '-')}"
        if isinstance(knob.type, type) and issubclass(knob.type, StrEnum):
            parser.add_argument(name, type=knob.type, choices=list(knob.type), default=knob.default)
        elif knob.type in {int, float}:
            is_required = knob.default is dataclasses.MISSING
            parser.add_argument(name, type=knob.type, default=knob.default, required=is_required, metavar="N")
        elif knob.type == tuple[int, int]:
            parser.add_argument(name, type=int, nargs=2, default=knob.default, metavar="N")
        else:
            parser.add_argument(name, type=int, nargs="*", default=knob.default, metavar="N")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--format", choices=FORMATS, default="json")
    given = parser.parse_args()
    knobs: dict[str, Any] = {knob.name: getattr(given, knob.name) for knob in dataclasses.fields(Recipe)}
    knobs |= {name: tuple(value) for name, value in knobs.items() if isinstance(value, list)}
    recipe = Recipe(**knobs)
    instance = generate(recipe)
    for path in write(instance, given.out, form=given.format):
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    known = f"a linear program needs {instance.needed_fraction:.1%} of the fullest pool"
    if instance.planted:
        known = (
            f"a full plan is known: {instance.planted_fraction:.1%} of the chips"
            f" for {instance.planted_dollars_per_hour:.2f} $/h"
        )
    print(f"{len(instance.workloads)} deployments on {len(instance.fleet.pools)} pools; {known}")
    print(f"demand from {instance.demand_source}")


if __name__ == "__main__":
    main()
