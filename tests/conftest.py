"""Fixtures that every room's tests may ask for: a real cluster, a namespace of one's own, the data folder.

Only fixtures live here. A laboratory that cannot be built is an error, never a skip.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.lab.cluster import Cluster, Options
from tests.lab.identities import Identity

DATA_VARIABLE = "QUARTERMASTER_DATA"
KEEP_VARIABLE = "QUARTERMASTER_LAB_KEEP"
LONGEST_NAMESPACE = 63


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the switch that writes golden files anew, for a reviewer to read in the diff."""
    parser.addoption("--update-golden", action="store_true", help="write golden files instead of comparing with them")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that asks for a cluster, so that ``-m "not lab"`` needs no control plane."""
    for item in items:
        if "cluster" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.lab)


@pytest.fixture(scope="module")
def cluster_options() -> Options:
    """What kind of cluster the module's tests get; a module overrides this fixture to say otherwise."""
    return Options()


@pytest.fixture(scope="module")
def cluster_people() -> Sequence[Identity]:
    """Return further users of the module's cluster; a module overrides this fixture to have some."""
    return ()


@pytest.fixture(scope="module")
def cluster(cluster_options: Options, cluster_people: Sequence[Identity]) -> Iterator[Cluster]:
    """Yield a real control plane shared by the tests of one module (about 3 s to start).

    With ``QUARTERMASTER_LAB_KEEP`` set, its logs stay on disk until the next cluster starts.
    """
    keep = bool(os.environ.get(KEEP_VARIABLE))
    with Cluster.start(cluster_options, people=cluster_people, keep_directory=keep) as started:
        yield started


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield a new namespace named after the test, and delete it afterwards without waiting."""
    words = re.sub(r"[^a-z0-9]+", "-", str(request.node.name).removeprefix("test_").lower())
    name = words[: LONGEST_NAMESPACE - 5].strip("-") + f"-{os.urandom(2).hex()}"
    cluster.create_namespace(name)
    yield name
    cluster.delete("namespaces", name)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Return the folder of measured and published data, which is not part of the repository; skip without it."""
    folder = os.environ.get(DATA_VARIABLE)
    if not folder:
        pytest.skip(f"{DATA_VARIABLE} is not set: it names the folder that holds catalog/ and data/")
    if not Path(folder).is_dir():
        pytest.skip(f"{DATA_VARIABLE} names {folder}, which is no folder")
    return Path(folder)


@pytest.fixture(scope="session")
def data_file(data_folder: Path) -> Callable[[str], Path]:
    """Return a function from a relative path to the file; it skips the test, naming the file, where that is absent."""

    def find(relative_path: str) -> Path:
        path = data_folder / relative_path
        if not path.exists():
            pytest.skip(f"{path} is absent")
        return path

    return find
