"""Fixtures of the whole loop: one cluster with the chart and one operator per module."""

from collections.abc import Iterator, Mapping

import pytest

from tests.e2e.world import World
from tests.lab import operator
from tests.lab.cluster import Cluster


@pytest.fixture(scope="module")
def operator_settings() -> Mapping[str, str]:
    """Settings of the module's operator; a module overrides this fixture to say otherwise."""
    return {"SCALE_SECONDS": "1"}


@pytest.fixture(scope="module")
def world(cluster: Cluster, operator_settings: Mapping[str, str]) -> Iterator[World]:
    """Yield the module's cluster with the chart installed and the operator ready."""
    operator.install(cluster)
    operator.let_garbage_be_collected(cluster)
    with operator.operator(cluster, settings=operator_settings) as process:
        yield World(cluster, process)
