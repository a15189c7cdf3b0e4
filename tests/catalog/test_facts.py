"""What the catalog must hold, and that each of its facts says where it comes from."""

from datetime import date

import pytest

from quartermaster.catalog.accelerator import Accelerator
from quartermaster.catalog.load import load_catalog
from quartermaster.catalog.model import Model
from quartermaster.catalog.vocabulary import AcceleratorClass, AcceleratorStatus, Precision, Support

CATALOG = load_catalog()
ACCELERATORS = tuple(CATALOG.accelerators_by_name.values())
MODELS = tuple(CATALOG.models_by_name.values())

WITHOUT_IMAGE = {"huawei-ascend-950pr"}
"""Chips for which no public image was seen."""

FAMILIES = {
    "NVIDIA A100 to B300, GB200, GB300, Rubin": (
        "nvidia-a100-sxm-80",
        "nvidia-h100-sxm",
        "nvidia-h200-sxm",
        "nvidia-b200",
        "nvidia-b300",
        "nvidia-gb200",
        "nvidia-gb300",
        "nvidia-vr200",
    ),
    "AMD Instinct": ("amd-mi250", "amd-mi300x", "amd-mi325x", "amd-mi355x", "amd-mi455x"),
    "Google TPU": ("google-tpu-v4", "google-tpu-v5e", "google-tpu-v5p", "google-tpu-v6e", "google-tpu7x"),
    "AWS": ("aws-inferentia2", "aws-trainium1", "aws-trainium2", "aws-trainium3"),
    "Intel Gaudi": ("intel-gaudi2", "intel-gaudi3"),
    "cards": ("qualcomm-ai100-ultra", "furiosa-rngd", "tenstorrent-n300", "tenstorrent-p150"),
    "services": ("groq-lpu-v1", "cerebras-wse-3", "sambanova-sn40l", "microsoft-maia-200", "meta-mtia-400"),
    "edge": ("nvidia-gb10", "nvidia-jetson-thor", "nvidia-jetson-agx-orin-64"),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_that_the_field_argues_about_is_there(family: str) -> None:
    """Each family has its members in the catalog."""
    assert all(CATALOG.accelerator(name).name == name for name in FAMILIES[family])


def _stated_fields(accelerator: Accelerator) -> set[str]:
    """Return the keys under which the figures that the catalog states must say their provenance."""
    stated = {precision.value for precision in accelerator.flops_per_second_by_format}
    for name in ("memory_bytes", "memory_bandwidth_bytes_per_second", "power_watts", "resource_name", "dra_driver"):
        if getattr(accelerator, name) is not None:
            stated.add(name)
    return stated | {"confidential_computing", "developer_jurisdiction"}


@pytest.mark.parametrize("accelerator", ACCELERATORS, ids=lambda accelerator: accelerator.name)
def test_every_figure_of_an_accelerator_has_a_source_and_a_date(accelerator: Accelerator) -> None:
    """No figure without provenance; every source is listed with its day."""
    missing = _stated_fields(accelerator) - accelerator.provenance_by_field.keys()
    assert not missing
    provenances = [*accelerator.provenance_by_field.values(), *(s.provenance for s in accelerator.selectors)]
    for provenance in provenances:
        assert provenance.sources
        assert all(isinstance(CATALOG.sources_by_name[name].as_of, date) for name in provenance.sources)


@pytest.mark.parametrize("accelerator", ACCELERATORS, ids=lambda accelerator: accelerator.name)
def test_provenance_is_given_only_for_fields_that_exist(accelerator: Accelerator) -> None:
    """A misspelt field name would leave a figure without its source."""
    known = set(Accelerator.__slots__) | {precision.value for precision in Precision}
    assert accelerator.provenance_by_field.keys() <= known


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_figure_of_a_model_has_a_source(model: Model) -> None:
    """What is stated says where it comes from, and provenance is given for fields that exist only."""
    stated = {
        name
        for name in Model.__slots__
        if getattr(model, name) not in (None, {}, ())
        and name
        not in {
            "name",
            "repository",
            "developer",
            "notes",
            "provenance_by_field",
            "published_precisions",
            "unsupported",
            "mla",
        }
    }
    assert stated <= model.provenance_by_field.keys()
    assert model.provenance_by_field.keys() <= set(Model.__slots__)


@pytest.mark.parametrize("accelerator", ACCELERATORS, ids=lambda accelerator: accelerator.name)
def test_figures_are_within_what_chips_have(accelerator: Accelerator) -> None:
    """A slip of a unit would put a figure orders of magnitude outside."""
    assert (1 << 27) < accelerator.memory_bytes < (1 << 40)
    bandwidth = accelerator.memory_bandwidth_bytes_per_second
    assert bandwidth is None or 1e11 < bandwidth < 3e16
    assert all(1e13 < flops < 1e17 for flops in accelerator.flops_per_second_by_format.values())
    assert accelerator.power_watts is None or 30 < accelerator.power_watts < 3000
    assert accelerator.scale_up_chips >= 1


def test_a_fact_without_a_source_is_marked_unverified() -> None:
    """No source read, or a doubt left by the source: both are told apart from a verified fact."""
    tpu_v4 = CATALOG.accelerator("google-tpu-v4")
    assert not tpu_v4.is_verified("memory_bandwidth_bytes_per_second")
    assert tpu_v4.is_verified("memory_bytes")
    qualcomm = CATALOG.accelerator("qualcomm-ai200")
    assert qualcomm.confidential_computing is Support.SUPPORTED
    assert not qualcomm.is_verified("confidential_computing"), "a vendor's claim proves nothing"


def test_the_country_of_a_developer_is_never_a_verified_fact() -> None:
    """It was read nowhere, so that no compliance rule may rest on it."""
    assert not any(model.provenance_by_field["developer_country"].is_verified for model in MODELS)


def test_every_engine_of_an_accelerator_is_in_the_catalog() -> None:
    """An accelerator names engines that exist, and each engine has an image for it."""
    for accelerator in ACCELERATORS:
        for name in accelerator.engines:
            engine = CATALOG.engine(name)
            assert accelerator.vendor in engine.vendors
            if accelerator.is_schedulable and accelerator.name not in WITHOUT_IMAGE:
                assert engine.image_for(accelerator), accelerator.name


def test_an_image_has_a_registry_path_a_tag_and_a_day() -> None:
    """Images are public upstream ones, dated, and named by tag."""
    for engine in CATALOG.engines_by_name.values():
        for image in engine.images:
            repository, _, tag = image.image.rpartition(":")
            assert "/" in repository
            assert tag
            assert image.as_of >= date(2026, 1, 1)


def test_an_image_is_chosen_by_the_architecture_of_the_chip() -> None:
    """One vendor's chips may need different builds of one engine."""
    sglang, neuron = CATALOG.engine("SGLang"), CATALOG.engine("VLLMNeuron")
    older, newer = (sglang.image_for(CATALOG.accelerator(name)) for name in ("amd-mi300x", "amd-mi355x"))
    assert older
    assert newer
    assert older.image == "lmsysorg/sglang:v0.5.18-rocm720-mi30x"
    assert newer.image == "lmsysorg/sglang:v0.5.18-rocm720-mi35x"
    inferentia, trainium = (neuron.image_for(CATALOG.accelerator(n)) for n in ("aws-inferentia2", "aws-trainium2"))
    assert inferentia
    assert trainium
    assert inferentia.image != trainium.image
    assert CATALOG.engine("VLLM").image_for(CATALOG.accelerator("google-tpu-v6e")) is None


def test_chips_that_nobody_can_rent_are_not_schedulable() -> None:
    """Internal, announced and hosted chips exist in the catalog but can carry no pods."""
    for name in (
        "microsoft-maia-200",
        "meta-mtia-500",
        "cerebras-wse-3",
        "nvidia-vr200",
        "google-tpu8i",
        "groq-lpu-v1",
    ):
        assert not CATALOG.accelerator(name).is_schedulable, name
    assert CATALOG.accelerator("cerebras-wse-3").is_external_only
    assert CATALOG.accelerator("microsoft-maia-100").status is AcceleratorStatus.INTERNAL
    assert CATALOG.accelerator("nvidia-vr200").status is AcceleratorStatus.ANNOUNCED


def test_chips_reached_by_device_classes_only_say_so() -> None:
    """Tenstorrent has a device class and no extended resource."""
    card = CATALOG.accelerator("tenstorrent-n300")
    assert (card.resource_name, card.dra_driver) == (None, "tenstorrent.com")
    assert not card.is_schedulable


def test_classes_follow_the_booking_of_the_catalog() -> None:
    """Trainium is booked as an inference chip, Gaudi too; TPUs are their own class."""
    assert CATALOG.accelerator("aws-trainium2").accelerator_class is AcceleratorClass.INFERENCE_CHIP
    assert CATALOG.accelerator("intel-gaudi3").accelerator_class is AcceleratorClass.INFERENCE_CHIP
    assert CATALOG.accelerator("google-tpu7x").accelerator_class is AcceleratorClass.TPU
    assert CATALOG.accelerator("nvidia-gb10").accelerator_class is AcceleratorClass.GPU


def test_the_catalog_is_loaded_once() -> None:
    """Every caller sees the same object."""
    assert load_catalog() is CATALOG


def test_values_of_the_catalog_can_be_kept_in_sets() -> None:
    """Frozen values hash, although they hold mappings."""
    assert len({*ACCELERATORS}) == len(ACCELERATORS)
    assert len({*MODELS}) == len(MODELS)
