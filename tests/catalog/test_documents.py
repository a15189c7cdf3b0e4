"""Faults in the data files are found when they are read, and the error says where they are."""

from datetime import date
from typing import Any

import pytest

from quartermaster.catalog.accelerators import parse_accelerators
from quartermaster.catalog.document import CatalogError, Entry, parse_provenance, parse_sources
from quartermaster.catalog.models import parse_models
from quartermaster.catalog.regions import parse_regions

SOURCES = parse_sources({"sources": {"page": {"title": "a page", "as_of": date(2026, 1, 2)}}})


def _accelerator(**changes: Any) -> dict[str, Any]:
    values = {
        "name": "chip",
        "display_name": "Chip",
        "vendor": "Vendor",
        "class": "GPU",
        "status": "GA",
        "memory": {"gibibytes": 10, "basis": "Nominal"},
        "confidential_computing": "Unknown",
        "developer": "US",
        "provenance": {"memory_bytes": "page"},
    }
    return {**values, **changes}


def test_provenance_is_read_from_one_line() -> None:
    """Sources, a doubt, and a note."""
    sure, doubtful = parse_provenance("page + derived; half of it"), parse_provenance("page + unverified")
    assert (sure.sources, sure.is_verified, sure.note) == (("page", "derived"), True, "half of it")
    assert not doubtful.is_verified


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bandwith": 3}, r"only known keys, found \['bandwith'\]"),
        ({"power_watts": "many"}, "power_watts: wanted a number, found 'many'"),
        ({"memory": {"gibibytes": 10, "basis": "Guessed"}}, "basis Reported or Nominal"),
        ({"memory": {"basis": "Nominal"}}, "mebibytes or gibibytes"),
        ({"provenance": {"memory_bytes": "hearsay"}}, r"sources that sources.yaml lists, found \['hearsay'\]"),
        ({"engines": "VLLM"}, "wanted a list of strings"),
        ({"vendor": 7}, "wanted a string"),
        ({"chips_per_node": 7.5}, "wanted an integer"),
    ],
)
def test_a_fault_in_an_accelerator_is_named_with_its_place(changes: dict[str, Any], message: str) -> None:
    """The entry, the key, what was wanted and what was found."""
    with pytest.raises(CatalogError, match=message) as error:
        parse_accelerators([{"accelerators": [_accelerator(**changes)]}], [], SOURCES)
    assert "accelerator chip" in str(error.value)


def test_a_missing_key_is_named() -> None:
    """Without its vendor an accelerator cannot be read."""
    values = _accelerator()
    del values["vendor"]
    with pytest.raises(CatalogError, match="wanted a key vendor"):
        parse_accelerators([{"accelerators": [values]}], [], SOURCES)


def test_names_are_unique_and_prices_need_their_accelerator() -> None:
    """Two entries of one name, or a price of a chip that is not there, are faults."""
    document = {"accelerators": [_accelerator()]}
    with pytest.raises(CatalogError, match="a name of its own"):
        parse_accelerators([document, document], [], SOURCES)
    rows = [{"instance": "i", "chips": 1, "source": "page", "on_demand": {"r": 1.0}}]
    with pytest.raises(CatalogError, match="names of accelerators"):
        parse_accelerators([document], [{"provider": "aws", "prices": {"chop": rows}}], SOURCES)


def test_units_of_a_package_share_its_figures() -> None:
    """Two units: half the memory, bandwidth, arithmetic and power each, and twice the chips per node."""
    values = _accelerator(
        units_per_package=2,
        bandwidth_gigabytes_per_second=100,
        teraflops={"bf16": 50},
        power_watts=300,
        chips_per_node=4,
    )
    (chip,) = parse_accelerators([{"accelerators": [values]}], [], SOURCES).values()
    assert chip.memory_bytes == 5 << 30
    assert chip.memory_bandwidth_bytes_per_second == 50e9
    assert list(chip.flops_per_second_by_format.values()) == [25e12]
    assert (chip.power_watts, chip.chips_per_node) == (150, 8)


def test_a_model_without_parameters_is_a_fault() -> None:
    """Its size decides everything."""
    with pytest.raises(CatalogError, match="parameters in billions"):
        parse_models([{"models": [{"name": "m"}]}], SOURCES)


@pytest.mark.parametrize("row", [["a", "b", "DE"], ["a", "b", "NO", False], ["a", "b", "DE", "EU", 1.0]])
def test_a_region_row_of_the_wrong_shape_is_a_fault(row: list[Any]) -> None:
    """A country read as a boolean too."""
    group = {"provider": "aws", "partition": "aws", "provenance": "page", "rows": [row]}
    with pytest.raises(CatalogError, match="rows of four texts"):
        parse_regions([{"groups": [group]}], SOURCES)


def test_a_region_is_listed_once_and_its_carbon_has_a_source() -> None:
    """Duplicates and unlisted sources are faults."""
    group: dict[str, Any] = {"provider": "aws", "partition": "aws", "provenance": "page"}
    group["rows"] = [["a", "b", "DE", "EU"]]
    with pytest.raises(CatalogError, match="each code once"):
        parse_regions([{"groups": [group, group]}], SOURCES)
    group = {**group, "rows": [["a", "b", "DE", "EU", 1.0, 2024, "hearsay"]]}
    with pytest.raises(CatalogError, match="a source of the carbon intensity"):
        parse_regions([{"groups": [group]}], SOURCES)


def test_a_source_needs_its_day() -> None:
    """A fact without a date cannot be judged stale."""
    with pytest.raises(CatalogError, match="a date, YYYY-MM-DD"):
        parse_sources({"sources": {"page": {"title": "a page", "as_of": "last year"}}})
    assert Entry("here", {"a": 1}, SOURCES).get("a") == 1
