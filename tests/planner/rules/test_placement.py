"""Rules of placement: each refuses with message and remedy."""

from typing import Any

import pytest

from quartermaster.api.v1alpha1.enums import CapacityType
from quartermaster.catalog.vocabulary import AcceleratorStatus
from quartermaster.planner.eligibility.candidates import candidates
from quartermaster.planner.fleet import Pool, Workload
from quartermaster.planner.plan import Rejection
from tests.planner.builders import DEEPSEEK_R1, H100, MI300X, TPU_V6E, accelerator, external_pool, fleet, pool, workload


def refusal(asked: Workload, offered: Pool) -> Rejection:
    """Return the only rejection."""
    admitted, refused = candidates(fleet(offered), [asked])
    assert not admitted
    (only,) = refused
    return only


def is_admitted(asked: Workload, offered: Pool) -> bool:
    """Whether some shape is admitted."""
    return bool(candidates(fleet(offered), [asked])[0])


def allowing(**those: list[str]) -> Workload:
    """Return a workload that allows these accelerators only."""
    return workload(placement={"accelerators": {"allow": those}})


def denying(**those: list[str]) -> Workload:
    """Return a workload that denies these accelerators."""
    return workload(placement={"accelerators": {"deny": those}})


def test_a_pool_whose_accelerator_is_unknown_is_refused() -> None:
    """Nothing can be known of how it would run."""
    found = refusal(workload(), pool(chip=None))
    assert (found.rule, found.reason) == ("catalog", "AcceleratorUnknown")
    assert found.remedy == "set accelerator on AcceleratorPool pool"


@pytest.mark.parametrize("status", [AcceleratorStatus.ANNOUNCED, AcceleratorStatus.INTERNAL])
def test_a_chip_that_cannot_be_had_is_refused(status: AcceleratorStatus) -> None:
    """An announced chip is no place to run on."""
    found = refusal(workload(), pool(chip=accelerator(status=status)))
    assert found.reason == "AcceleratorNotAvailable"
    assert status.value in found.message


def test_an_external_service_that_lacks_the_model_is_refused() -> None:
    """The message names what it serves."""
    found = refusal(workload(served=DEEPSEEK_R1), external_pool())
    assert (found.rule, found.reason) == ("external-model", "ModelNotServed")
    assert "serves llama-3.1-8b-instruct, llama-3.3-70b-instruct" in found.message


@pytest.mark.parametrize(
    ("those", "is_in"),
    [
        ({"classes": ["GPU"]}, True),
        ({"classes": ["TPU"]}, False),
        ({"vendors": ["nvidia"]}, True),
        ({"vendors": ["AMD"]}, False),
        ({"names": ["nvidia-h100-sxm"]}, True),
        ({"names": ["nvidia-l4"]}, False),
        ({"classes": ["TPU"], "vendors": ["NVIDIA"]}, True),
    ],
)
def test_accelerators_are_allowed_and_denied_by_class_vendor_or_name(those: dict[str, list[str]], is_in: bool) -> None:  # noqa: FBT001  # a column of the table
    """Any of the three names an accelerator; the same words allow or deny."""
    assert is_admitted(allowing(**those), pool(chip=H100)) is is_in
    assert is_admitted(denying(**those), pool(chip=H100)) is not is_in


def test_a_denial_wins_over_an_allowance() -> None:
    """Both name the chip: it is denied."""
    both = {"allow": {"vendors": ["NVIDIA"]}, "deny": {"names": ["nvidia-h100-sxm"]}}
    found = refusal(workload(placement={"accelerators": both}), pool(chip=H100))
    assert (found.rule, found.reason) == ("accelerators", "AcceleratorDenied")


def test_an_accelerator_that_is_not_allowed_is_refused_with_the_name_to_allow() -> None:
    """The remedy is the name."""
    found = refusal(allowing(classes=["TPU"]), pool(chip=MI300X))
    assert found.reason == "AcceleratorNotAllowed"
    assert found.remedy == "allow amd-mi300x in spec.placement.accelerators.allow.names"


def test_unknown_chips_behind_a_service_satisfy_no_accelerator_rule() -> None:
    """A service whose chips nobody named is neither allowed nor known not to be denied."""
    assert refusal(allowing(classes=["GPU"]), external_pool()).reason == "AcceleratorUnknown"
    assert refusal(denying(vendors=["NVIDIA"]), external_pool()).reason == "AcceleratorUnknown"


def test_a_region_that_is_not_required_is_refused() -> None:
    """The remedy names the region to allow."""
    asked = workload(placement={"regions": {"required": ["europe-west4"]}})
    found = refusal(asked, pool(region="us-central1"))
    assert (found.rule, found.reason) == ("regions", "RegionNotAllowed")
    assert found.remedy == "allow region us-central1 in spec.placement.regions.required"
    assert refusal(asked, pool(region="")).remedy == "set region on AcceleratorPool pool"
    assert is_admitted(asked, pool(region="europe-west4"))


def test_capacity_bought_in_another_way_is_refused() -> None:
    """Spot is refused where only on-demand may be used."""
    asked = workload(placement={"capacityTypes": ["OnDemand"]})
    found = refusal(asked, pool(capacity_type=CapacityType.SPOT))
    assert (found.rule, found.reason) == ("capacity-types", "CapacityTypeNotAllowed")
    assert found.remedy == "allow capacity type Spot in spec.placement.capacityTypes"
    assert is_admitted(asked, pool())


def test_a_pool_without_nodes_is_refused() -> None:
    """There is nothing to sit in."""
    found = refusal(workload(), pool(nodes=0))
    assert (found.rule, found.reason) == ("nodes", "NoNodes")


def test_a_pool_without_a_price_is_refused() -> None:
    """Its cost could not be compared."""
    found = refusal(workload(), pool(price=None))
    assert (found.rule, found.reason) == ("price", "PriceUnknown")
    assert found.remedy == "set dollarsPerChipHour on AcceleratorPool pool"


def test_requests_longer_than_the_served_sequence_are_refused() -> None:
    """The mean request would not be accepted."""
    asked: dict[str, Any] = {"serving": {"maxContextTokens": 1024}, "tokens": (1000.0, 200.0)}
    found = refusal(workload(**asked), pool(chip=TPU_V6E))
    assert (found.rule, found.reason) == ("context", "ContextTooShort")
    assert found.remedy == "set spec.serving.maxContextTokens to at least 1200"
