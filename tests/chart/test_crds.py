"""The chart's CustomResourceDefinitions are the project's own."""

from tests.chart.helm import CHART

CRDS = CHART.parents[1] / "crds"


def test_the_chart_carries_the_projects_definitions() -> None:
    """One command writes both; neither is edited by hand."""
    here = {path.name: path.read_bytes() for path in (CHART / "crds").iterdir()}
    there = {path.name: path.read_bytes() for path in CRDS.iterdir()}
    assert here == there
    assert here
