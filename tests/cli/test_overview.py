"""The table of ``status``: where everything runs, within a terminal's width, and why, below it."""

from typing import Any

from quartermaster.cli.status import _overview


def row(name: str, *, ready: str, message: str) -> dict[str, Any]:
    """Return an entry with one placement on nodes and one external."""
    placement = {"region": "europe-west4", "tokensPerSecond": "9609", "dollarsPerHour": "47.52"}
    on_nodes = {"accelerator": "nvidia-h100-sxm", "pool": "eu-h100-spot", "desired": 2, "ready": 1, "share": "0.9"}
    hosted = {"accelerator": "groq-lpu-v1", "pool": "hosted", "endpoint": "https://h.example.com", "share": "0.1"}
    status = {
        "conditions": [{"type": "Ready", "status": ready, "reason": "AsTold", "message": message}],
        "placements": [placement | on_nodes, placement | hosted],
        "decision": {"reason": "cheapest for the whole fleet among 12 candidates; " + "refused by residency 12, " * 6},
    }
    return {"namespace": "default", "name": name, "generation": 1, "status": status}


def test_the_table_and_the_reasons_fit_a_terminal() -> None:
    """However long a reason is, no line is longer than 120 characters."""
    text = _overview([row("support", ready="True", message=""), row("chat", ready="True", message="")])
    assert max(len(line) for line in text.splitlines()) <= 120


def test_a_ready_deployment_tells_its_decision_and_another_what_it_waits_for() -> None:
    """Each in a paragraph of its own, below the table."""
    rows = [row("support", ready="True", message="all fine"), row("chat", ready="False", message="1 of 2 is ready")]
    table, reasons = _overview(rows).split("\n\n")
    assert "1/2" in table
    assert "external" in table
    assert "default/support: cheapest" in reasons
    assert "default/chat: 1 of 2 is ready" in reasons
