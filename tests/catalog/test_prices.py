"""Prices: keyed by provider and region, dated, and quoted with how near they are."""

from datetime import date

import pytest

from quartermaster.catalog.catalog import PriceBasis
from quartermaster.catalog.load import load_catalog
from quartermaster.catalog.vocabulary import CapacityType

CATALOG = load_catalog()
H100 = CATALOG.accelerator("nvidia-h100-sxm")
PRICES = [price for accelerator in CATALOG.accelerators_by_name.values() for price in accelerator.prices]


def test_every_price_has_a_day_a_source_and_a_known_region() -> None:
    """A price is one instance in one region on one day."""
    for price in PRICES:
        assert price.as_of >= date(2026, 1, 1)
        assert price.source in CATALOG.sources_by_name
        assert CATALOG.region(price.region, price.provider), price
        assert 0.05 < price.dollars_per_chip_hour < 60
        assert price.chips >= 1


def test_no_price_is_listed_twice() -> None:
    """Provider, region, instance and capacity type name one price of an accelerator."""
    for accelerator in CATALOG.accelerators_by_name.values():
        keys = [(p.provider, p.region, p.instance, p.capacity_type) for p in accelerator.prices]
        assert len(keys) == len(set(keys)), accelerator.name


@pytest.mark.parametrize(
    ("region", "dollars"),
    [("eastus", 98.32), ("southcentralus", 117.968), ("swedencentral", 127.816), ("australiaeast", 142.60)],
)
def test_the_same_machine_costs_differently_in_each_region(region: str, dollars: float) -> None:
    """One price per accelerator would be wrong nearly everywhere."""
    quote = CATALOG.price(H100, "azure", region)
    assert quote
    assert quote.basis is PriceBasis.EXACT
    assert quote.dollars_per_chip_hour == pytest.approx(dollars / 8)


def test_a_price_from_elsewhere_says_so() -> None:
    """A region without a price is quoted at the median of the provider's others, then of all providers."""
    elsewhere = CATALOG.price(H100, "aws", "eu-central-1")
    assert elsewhere
    assert elsewhere.basis is PriceBasis.OTHER_REGION
    assert elsewhere.price.provider == "aws"
    anywhere = CATALOG.price(H100, None, "my-own-datacentre")
    assert anywhere
    assert anywhere.basis is PriceBasis.OTHER_PROVIDER


def test_spot_is_never_quoted_from_an_on_demand_price() -> None:
    """Where no Spot price is known there is none; where it is known it is the lower one."""
    assert CATALOG.price(H100, "gcp", "europe-west4", capacity_type=CapacityType.SPOT)
    spot = CATALOG.price(H100, "gcp", "europe-west4", capacity_type=CapacityType.SPOT)
    on_demand = CATALOG.price(H100, "gcp", "europe-west4")
    assert spot
    assert on_demand
    assert spot.dollars_per_chip_hour < on_demand.dollars_per_chip_hour
    trainium = CATALOG.accelerator("aws-trainium1")
    assert CATALOG.price(trainium, "aws", "us-east-1", capacity_type=CapacityType.SPOT) is None


def test_reserved_capacity_is_quoted_at_the_on_demand_price() -> None:
    """Contracts are not public: the list price is an upper bound."""
    reserved = CATALOG.price(H100, "aws", "us-east-1", capacity_type=CapacityType.RESERVED)
    assert reserved == CATALOG.price(H100, "aws", "us-east-1")


def test_the_price_of_the_instance_itself_is_preferred() -> None:
    """The largest Inferentia2 machine costs more per chip than the smallest."""
    chip = CATALOG.accelerator("aws-inferentia2")
    small = CATALOG.price(chip, "aws", "us-east-1", instance="inf2.xlarge")
    large = CATALOG.price(chip, "aws", "us-east-1", instance="inf2.48xlarge")
    assert small
    assert large
    assert (round(small.dollars_per_chip_hour, 3), round(large.dollars_per_chip_hour, 3)) == (0.758, 1.082)


def test_a_chip_without_any_price_has_no_quote() -> None:
    """Nothing is invented for chips whose on-demand price was not found."""
    assert CATALOG.price(CATALOG.accelerator("google-tpu7x"), "gcp", "us-central1") is None
