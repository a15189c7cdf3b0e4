"""The reference of fields: complete, well formed, and of the same words as the schema."""

from quartermaster.api.crd import KINDS
from quartermaster.api.reference import markdown


def test_the_reference_has_a_section_per_kind_and_names_deep_fields() -> None:
    """Down to the arguments of a shape."""
    text = markdown()
    for kind in KINDS:
        assert f"### {kind.name}\n" in text
    assert "| **`spec.model.name`** | string |" in text
    assert "`spec.serving.shapes[].tensorParallelism` | integer, 1 to 128 |" in text
    assert "`status.placements[].dollarsPerHour`" in text


def test_every_row_of_the_reference_has_three_cells() -> None:
    """No description breaks the table."""
    rows = [line for line in markdown().splitlines() if line.startswith("|")]
    assert len(rows) > 100
    assert all(line.replace("\\|", "").count("|") == 4 for line in rows)


def test_the_reference_can_leave_the_status_out() -> None:
    """For a reader who only writes manifests."""
    text = markdown(with_status=False)
    assert "`spec.scaling.maxReplicas`" in text
    assert "`status." not in text


def test_the_reference_tells_the_rules_with_their_remedies() -> None:
    """As the API server would say them."""
    assert "raise maxReplicas or lower minReplicas" in markdown()
