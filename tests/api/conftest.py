"""A cluster that knows our kinds: an API server and its store, nothing else."""

from collections.abc import Iterator

import pytest

from quartermaster.api.crd import crds
from tests.lab import components
from tests.lab.cluster import Cluster, Options


@pytest.fixture(scope="package")
def api() -> Iterator[Cluster]:
    """Yield an API server with the CustomResourceDefinitions as they are generated."""
    followers = {components.CONTROLLER_MANAGER, components.SCHEDULER, components.KWOK}
    with Cluster.start(Options(without=frozenset(followers))) as cluster:
        cluster.apply(crds())
        cluster.wait("namespace default", lambda: cluster.find("namespaces", "default"))
        yield cluster
