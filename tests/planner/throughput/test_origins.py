"""Profiles that a person states, beside those that were observed: which of them counts, and for what."""

from quartermaster.planner.planning import plan
from quartermaster.planner.throughput.fit import profiles_by_key
from tests.planner.builders import H100, LLAMA_8B, fleet, pool, profile, workload

STATED = profile(maxBatchSize=256, evidence="stated")
OBSERVED = profile(maxBatchSize=16, evidence="observed", origin="Observed")


def test_a_stated_profile_beats_an_observed_one_whatever_their_order() -> None:
    """A person has the last word, even where what was observed is more careful."""
    for order in ([STATED, OBSERVED], [OBSERVED, STATED]):
        assert list(profiles_by_key(order).values()) == [STATED]
    assert list(profiles_by_key([OBSERVED]).values()) == [OBSERVED]


def test_an_observed_profile_gives_the_speed_and_prefers_no_engine() -> None:
    """What is seen of one engine, because somebody chose it, must not move deployments that leave the choice to us."""
    asked = workload(served=LLAMA_8B)
    before = plan(fleet(pool()), [asked]).placements[0].candidate
    other = "SGLang" if before.shape.engine.value == "VLLM" else "VLLM"
    seen = plan(fleet(pool(), profiles=[profile(engine=other, origin="Observed")]), [asked]).placements[0].candidate
    assert seen.shape.engine == before.shape.engine
    said = plan(fleet(pool(), profiles=[profile(engine=other)]), [asked]).placements[0].candidate
    assert said.shape.engine.value == other
    own = profile(engine=before.shape.engine.value, origin="Observed")
    measured = plan(fleet(pool(), profiles=[own]), [asked]).placements[0].candidate
    assert measured.throughput.source.value == "Measured"
    assert H100.name == measured.accelerator
