"""Regions: where they lie, whose law holds there, and how clean their power is."""

import pytest

from quartermaster.catalog.load import load_catalog
from quartermaster.catalog.regions import EUROPEAN_ECONOMIC_AREA, EUROPEAN_UNION, jurisdictions_of

CATALOG = load_catalog()
REGIONS = tuple(CATALOG.regions_by_key.values())


def test_all_regions_of_five_providers_are_there() -> None:
    """A region that is missing has no country, and no rule can be judged in it."""
    count_by_provider: dict[str, int] = {}
    for region in REGIONS:
        count_by_provider[region.provider] = count_by_provider.get(region.provider, 0) + 1
    assert count_by_provider == {"aws": 48, "azure": 70, "coreweave": 39, "gcp": 47, "oci": 85}


@pytest.mark.parametrize(
    ("code", "country", "jurisdictions"),
    [
        ("europe-west4", "NL", ("NL", "EU", "EEA")),
        ("eu-central-1", "DE", ("DE", "EU", "EEA")),
        ("norwayeast", "NO", ("NO", "EEA")),
        ("eu-west-2", "GB", ("GB", "UK")),
        ("europe-west6", "CH", ("CH",)),
        ("us-east-1", "US", ("US",)),
        ("ap-east-1", "HK", ("HK",)),
    ],
)
def test_a_region_has_its_country_and_the_unions_of_that_country(
    code: str, country: str, jurisdictions: tuple[str, ...]
) -> None:
    """Norway is in the EEA and not in the EU; Switzerland and the United Kingdom are in neither."""
    region = CATALOG.region(code)
    assert region
    assert (region.country, region.jurisdictions) == (country, jurisdictions)


def test_a_european_name_does_not_make_a_region_european() -> None:
    """CoreWeave's EU-WEST zones are in the United Kingdom."""
    region = CATALOG.region("EU-WEST-01", "coreweave")
    assert region
    assert region.country == "GB"
    assert "EU" not in region.jurisdictions
    assert region.notes


def test_memberships_are_the_treaties_ones() -> None:
    """27 members of the EU, 30 of the EEA."""
    assert len(EUROPEAN_UNION) == 27
    assert len(EUROPEAN_ECONOMIC_AREA) == 30
    assert jurisdictions_of("IS") == ("IS", "EEA")


def test_countries_and_continents_are_codes() -> None:
    """NO for Norway must not have been read as a boolean."""
    assert all(len(region.country) == 2 and region.country.isupper() for region in REGIONS)
    assert {region.continent for region in REGIONS} == {"AF", "AS", "EU", "NA", "OC", "SA"}


def test_a_country_inferred_from_a_name_is_marked() -> None:
    """Oracle's table gives codes only."""
    oci = [region for region in REGIONS if region.provider == "oci"]
    assert not any(region.provenance.is_verified for region in oci)
    region = CATALOG.region("eu-central-1", "aws")
    assert region
    assert region.provenance.is_verified


def test_carbon_says_its_source_and_year() -> None:
    """Figures are compared within one source only; some providers have none."""
    assert all(region.carbon.source in CATALOG.sources_by_name for region in REGIONS if region.carbon)
    assert sum(region.carbon is not None for region in REGIONS) == 119
    finland = CATALOG.region("europe-north1", "gcp")
    assert finland
    assert finland.carbon
    assert finland.carbon.source == "gcp-carbon"


def test_sovereign_and_classified_regions_are_told_apart() -> None:
    """Their partition is not the public one."""
    gov, european = CATALOG.region("us-gov-west-1"), CATALOG.region("eusc-de-east-1")
    assert gov
    assert european
    assert (gov.partition, european.partition) == ("aws-us-gov", "aws-eusc")
    assert gov.sovereignty
    assert european.sovereignty == "eu-sovereign"


def test_a_code_alone_finds_a_region_only_when_one_provider_has_it() -> None:
    """An unknown code is no region, and a provider narrows the search."""
    assert CATALOG.region("atlantis-1") is None
    assert CATALOG.region("us-east-1", "gcp") is None
    for code, regions in CATALOG.regions_by_code.items():
        assert {region.code for region in regions} == {code}
