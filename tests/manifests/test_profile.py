"""The ModelProfile that is proposed: its name, its manifest, and whether a live one still is what was proposed."""

from typing import Any

import pytest

from quartermaster.api.parse import parse_document
from quartermaster.api.v1alpha1 import ModelProfile, ModelProfileSpec
from quartermaster.manifests import drift
from quartermaster.manifests.profile import is_as_proposed, observed_profile, profile_name
from quartermaster.planner.throughput.fit import key_of_profile

SPEC = ModelProfileSpec.model_validate(
    {
        "model": "llama-3.3-70b-instruct",
        "accelerator": "nvidia-h100-sxm",
        "engine": "SGLang",
        "precision": "FP8",
        "tensorParallelism": 4,
        "pipelineParallelism": 2,
        "alphaSeconds": "0.0072",
        "betaSecondsPerToken": "0.00002",
        "gammaSecondsPerToken": "0",
        "requestSeconds": "0.01",
        "maxBatchSize": 256,
        "kvCapacityTokens": 900_000,
        "origin": "Observed",
        "evidence": "3 points",
    }
)
NAME = "llama-3.3-70b-instruct-nvidia-h100-sxm-sglang-fp8-tp4-pp2"


def live(**changes: Any) -> ModelProfile:
    """Return the profile as the API server holds it after an apply, with changes of its spec."""
    stamped = drift.stamped(observed_profile(SPEC))
    document = {**stamped, "spec": {**stamped["spec"], **changes}}
    parsed = parse_document(document)
    assert isinstance(parsed, ModelProfile)
    return parsed


def test_the_name_says_what_was_measured() -> None:
    """Equal replicas, equal name; stages only where there are several."""
    assert profile_name(key_of_profile(SPEC)) == NAME
    single = SPEC.model_copy(update={"pipeline_parallelism": 1})
    assert profile_name(key_of_profile(single)) == NAME.removesuffix("-pp2")
    shared = single.model_copy(update={"data_parallelism": 2, "expert_parallelism": 8})
    assert profile_name(key_of_profile(shared)) == NAME.replace("-pp2", "-dp2-ep")


def test_the_manifest_is_the_spec_with_our_label_and_no_owner() -> None:
    """What was measured stays true when nobody runs it any more."""
    manifest = observed_profile(SPEC)
    assert manifest["metadata"] == {"name": NAME, "labels": {"app.kubernetes.io/managed-by": "quartermaster"}}
    assert manifest["spec"]["origin"] == "Observed"
    assert manifest["spec"]["requestSeconds"] == "0.01"
    assert ModelProfileSpec.model_validate(manifest["spec"]) == SPEC


def test_what_was_applied_is_as_proposed() -> None:
    """Also when others add labels and annotations of their own."""
    document = live()
    assert is_as_proposed(document)
    labels = {**document.metadata.labels, "team": "platform"}
    metadata = document.metadata.model_copy(update={"labels": labels})
    assert is_as_proposed(document.model_copy(update={"metadata": metadata}))


@pytest.mark.parametrize(
    "change", [{"origin": "Stated"}, {"alphaSeconds": "0.0073"}, {"requestSeconds": "0.02"}, {"maxBatchSize": 8}]
)
def test_any_change_takes_it_over(change: dict[str, Any]) -> None:
    """A person's figure is a person's."""
    assert not is_as_proposed(live(**change))


def test_a_profile_without_our_label_or_stamp_is_another_s() -> None:
    """A person may write an observed profile of another cluster here."""
    document = live()
    for field in ("labels", "annotations"):
        metadata = document.metadata.model_copy(update={field: {}})
        assert not is_as_proposed(document.model_copy(update={"metadata": metadata}))
