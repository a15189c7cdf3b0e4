"""Points → profile, whatever the points are: a decision must never fail for them, and no profile is out of bounds."""

from datetime import UTC, datetime
from random import Random

import pytest

from quartermaster.api.v1alpha1.enums import EngineName, Precision
from quartermaster.autoscaler.operation import Operation
from quartermaster.catalog.load import load_catalog
from quartermaster.planner.fleet import Key, Shape
from quartermaster.planner.throughput.fit import Mix, throughput, timing
from quartermaster.reconcile.measuring import FURTHEST, measured, moved
from quartermaster.reconcile.record import Seen, Subject

CATALOG = load_catalog()
AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SUBJECTS = [
    Subject(CATALOG.model(model), CATALOG.accelerator(chip), Shape(engine, precision, chips))
    for model, chip, engine, precision, chips in (
        ("llama-3.1-8b-instruct", "nvidia-l4", EngineName.VLLM, Precision.BF16, 1),
        ("llama-3.3-70b-instruct", "google-tpu-v6e", EngineName.VLLM_TPU, Precision.BF16, 8),
        ("deepseek-r1", "nvidia-h200-sxm", EngineName.SGLANG, Precision.FP8, 8),
    )
]


def wild(dice: Random) -> Operation:
    """Return a point of any figures that an operation may have."""
    return Operation(
        batch=10 ** dice.uniform(-1.3, 4),
        input_tokens=10 ** dice.uniform(0, 6),
        output_tokens=10 ** dice.uniform(0, 6),
        requests_per_second=10 ** dice.uniform(-3, 4),
        waiting=dice.choice([0.0, 10 ** dice.uniform(-2, 5)]),
        time_per_token_seconds=10 ** dice.uniform(-4.7, 1),
        time_to_first_token_seconds=dice.choice([None, 10 ** dice.uniform(-4, 2.7)]),
        full_batch=dice.choice([None, 1, 40, 10**9]),
        kv_capacity_tokens=dice.choice([None, 0.0, 1.0, 3e4, 5e5, 1e30]),
    )


def ordinary(dice: Random, subject: Subject) -> Operation:
    """Return a point near the physics, but for a common error and chance."""
    one = wild(dice)
    known = timing(subject.model, subject.accelerator, subject.shape, mix=Mix(800, 200, None, None), profile=None)
    assert known is not None
    seconds = known.coefficients.alpha_seconds * 10 ** dice.uniform(-0.5, 0.7)
    return Operation(
        10 ** dice.uniform(-1, 2), 800.0, 200.0, 1.0, 0.0, seconds, seconds * 3, one.full_batch, one.kv_capacity_tokens
    )


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.model.name)
def test_no_points_break_a_decision_or_the_bounds(subject: Subject) -> None:
    """Hundreds of random sets, wild ones and such as could be true."""
    dice = Random(3)
    made = 0
    for trial in range(200):
        count = dice.randint(0, 12)
        points = [ordinary(dice, subject) if trial % 2 else wild(dice) for _ in range(count)]
        found = measured(subject, [Seen(point, Key("team", "chat"), AT) for point in points])
        if found is None:
            continue
        made += 1
        mix = Mix(found.input_tokens, found.output_tokens, None, None)
        rates = [
            throughput(known, mix)
            for spec in (found.spec, None)
            if (known := timing(subject.model, subject.accelerator, subject.shape, mix=mix, profile=spec)) is not None
        ]
        assert rates[0] is not None
        assert rates[1] is not None
        assert 0.99 / FURTHEST <= rates[0].requests_per_second / rates[1].requests_per_second <= 1.01 * FURTHEST
        assert moved(subject, found.spec, found) == pytest.approx(0.0, abs=1e-4)
    assert made > 0, "wanted some sets that make a profile, or nothing was tried"


def test_a_replica_without_physics_is_not_measured() -> None:
    """Nothing is there to be corrected."""
    subject = SUBJECTS[0]
    small = Subject(CATALOG.model("llama-3.1-405b-instruct"), subject.accelerator, subject.shape)
    dice = Random(1)
    assert measured(small, [Seen(ordinary(dice, subject), Key("team", "chat"), AT) for _ in range(9)]) is None
