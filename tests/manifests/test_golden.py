"""Golden files: what each engine and vendor is given, as YAML that a reviewer can read."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.manifests.cases import CASES

GOLDEN_DIRECTORY = Path(__file__).parent / "golden"


class PlainDumper(yaml.SafeDumper):
    """YAML without anchors, since the same labels stand in several places."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the signature is PyYAML's
        """Write everything in full."""
        return True


def as_yaml(objects: tuple[dict[str, Any], ...]) -> str:
    """Return the objects as one stream of documents, fields in the order in which they were built."""
    return str(yaml.dump_all(objects, Dumper=PlainDumper, sort_keys=False, width=120, explicit_start=True))


@pytest.mark.parametrize("name", sorted(CASES))
def test_objects_are_what_the_golden_file_says(name: str, request: pytest.FixtureRequest) -> None:
    """A change of what we write shows as a change of a golden file; ``--update-golden`` writes them anew."""
    path = GOLDEN_DIRECTORY / f"{name}.yaml"
    written = as_yaml(CASES[name]())
    if request.config.getoption("--update-golden"):
        path.write_text(written, encoding="utf-8")
    assert path.exists(), f"{path} is missing: run pytest --update-golden and read it"
    assert written == path.read_text(encoding="utf-8"), f"{path} differs: run pytest --update-golden and read the diff"


def test_every_golden_file_has_a_case() -> None:
    """A case that goes takes its golden file along."""
    assert {path.stem for path in GOLDEN_DIRECTORY.glob("*.yaml")} == set(CASES)
