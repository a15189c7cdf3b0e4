"""The verb ``estimate``: one replica, and tables of points."""

import csv
import io
import json
from pathlib import Path

import pytest

from quartermaster.cli.points import NEEDED
from tests.cli.run import run

LLAMA = ("estimate", "--model", "llama-3.1-8b-instruct", "--input-tokens", "1000", "--output-tokens", "250")
COLUMNS = (*NEEDED, "pp_size", "attention_dp_size", "moe_tp_size", "moe_ep_size", "silicon_ttft_ms", "silicon_tpot_ms")
ROW = {
    "model_path": "meta-llama/Llama-3.1-8B-Instruct",
    "system": "h200_sxm",
    "backend": "vllm",
    "precision": "fp8",
    "mode": "agg",
    "isl": "1024",
    "osl": "256",
    "batch_size": "16",
    "tp_size": "1",
    "silicon_ttft_ms": "100",
    "silicon_tpot_ms": "8",
}


def points(folder: Path, *changes: dict[str, str]) -> Path:
    """Return a table with a row for each change of a plain one."""
    path = folder / "points.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(dict.fromkeys(COLUMNS, "") | ROW | change for change in changes)
    return path


def rows_of(text: str) -> list[dict[str, str]]:
    """Return the rows that were printed."""
    return list(csv.DictReader(io.StringIO(text)))


def test_an_estimate_says_how_fast_how_sure_and_what_limits() -> None:
    """All figures that somebody compares chips by, under the names of the documents."""
    answered = run(*LLAMA, "--accelerator", "h100", "--precision", "fp8", "--concurrency", "32", "-o", "json")
    assert (answered.exit_status, answered.err) == (0, "")
    found = answered.document
    assert (found["kind"], found["accelerator"], found["engine"]) == ("Estimate", "nvidia-h100-sxm", "VLLM")
    latency = found["interTokenLatencyMilliseconds"]
    assert 3 < latency["low"] < latency["mean"] < latency["high"] < 30
    assert found["tokensPerSecond"]["perChip"] == found["tokensPerSecond"]["perReplica"]
    assert set(found["tokensPerSecond"]) == {"perReplica", "perChip", "perDollar", "perWatt"}
    assert sum(found["stepFractions"].values()) == pytest.approx(1, abs=0.01)
    assert (found["limit"], found["source"]) == ("MemoryBandwidth", "Estimated")
    assert found["kvCapacityTokens"] > 100_000


def test_the_page_for_people_fits_a_terminal() -> None:
    """Every line, and the limit in words."""
    answered = run(*LLAMA, "--accelerator", "google-tpu-v6e", "--tp", "2")
    assert answered.exit_status == 0
    assert "limited by" in answered.out
    assert "tokens per dollar" in answered.out
    assert max(map(len, answered.out.splitlines())) <= 118


def test_a_chip_that_nobody_measured_is_less_certain() -> None:
    """The range is wider on a Gaudi than on an H100."""

    def width(accelerator: str) -> float:
        latency = run(*LLAMA, "--accelerator", accelerator, "-o", "json").document["interTokenLatencyMilliseconds"]
        return float(latency["high"] / latency["low"])

    assert width("intel-gaudi3") > width("amd-mi300x") > width("nvidia-h100-sxm")


def test_more_requests_than_the_cache_holds_are_limited_by_it() -> None:
    """They wait, and the estimate says for what."""
    found = run(*LLAMA, "--accelerator", "nvidia-l4", "--concurrency", "500", "-o", "json").document
    assert found["limit"] == "KVCache"
    assert found["running"] < 100
    assert found["timeToFirstTokenMilliseconds"]["mean"] > 10_000


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--accelerator", "h101"), "accelerator 'h101' is not in the catalog"),
        (("--accelerator", "h100", "--engine", "vlm"), "engine 'vlm' is not in the catalog"),
        (
            ("--accelerator", "google-tpu-v6e", "--engine", "sglang"),
            "wanted SGLang on google-tpu-v6e; there run VLLMTPU",
        ),
        (("--accelerator", "h100", "--tp", "3"), "wanted --tp that divides the 32 heads"),
        (("--accelerator", "h100", "--tp", "4", "--ep", "2"), "wanted --ep of 1 or of all 4 ranks"),
        (("--accelerator", "h100", "--tp", "4", "--ep", "4"), "wanted a mixture of experts for --dp 1 and --ep 4"),
        (("--accelerator", "h100", "--dp", "2"), "more replicas do the same"),
        (("--accelerator", "h100", "-o", "csv"), "wanted --points"),
        (("--accelerator", "h100", "--calibrate", "3"), "wanted --points"),
        ((), "found no --accelerator"),
    ],
)
def test_what_cannot_be_answered_is_bad_input(words: tuple[str, ...], told: str) -> None:
    """Exit status 2, nothing printed, and what was wanted and found."""
    refused = run(*LLAMA, *words)
    assert (refused.exit_status, refused.out) == (2, "")
    assert told in refused.err


def test_a_model_that_does_not_fit_says_what_would() -> None:
    """The number of ranks that hold it."""
    words = ("estimate", "--model", "Llama-3.1-70B", "--input-tokens", "1000", "--output-tokens", "250")
    refused = run(*words, "--accelerator", "h100")
    assert refused.exit_status == 2
    assert "raise --tp to 4" in refused.err or "raise --tp to 2" in refused.err


def test_points_keep_their_columns_and_their_order(tmp_path: Path) -> None:
    """Two columns more, and nothing else changed."""
    path = points(tmp_path, {"batch_size": "64"}, {"batch_size": "1"}, {"batch_size": "8", "system": "b200_sxm"})
    answered = run("estimate", "--points", path, "-o", "csv")
    assert (answered.exit_status, answered.err) == (0, "")
    rows = rows_of(answered.out)
    assert list(rows[0]) == [*COLUMNS, "predicted_ttft_ms", "predicted_tpot_ms"]
    with path.open(encoding="utf-8", newline="") as file:
        assert [{name: row[name] for name in COLUMNS} for row in rows] == list(csv.DictReader(file))
    large, one, other = (float(row["predicted_tpot_ms"]) for row in rows)
    assert large > one > other * 0.5


def test_a_row_without_a_prediction_says_why_and_leaves_the_others_alone(tmp_path: Path) -> None:
    """Unknown model, system and engine; a disaggregated row is not predicted."""
    changes: tuple[dict[str, str], ...] = (
        {},
        {"model_path": "nobody/none"},
        {"system": "h1000"},
        {"backend": "ggml"},
        {"mode": "disagg"},
    )
    answered = run("estimate", "--points", points(tmp_path, *changes), "-o", "csv")
    assert answered.exit_status == 0
    filled = [bool(row["predicted_ttft_ms"] and row["predicted_tpot_ms"]) for row in rows_of(answered.out)]
    assert filled == [True, False, False, False, False]
    told = answered.err.splitlines()
    assert [line.split(": ")[0].rsplit(":", 1)[-1] for line in told[:3]] == ["3", "4", "5"]
    assert "model 'nobody/none' is not in the catalog" in told[0]
    assert "1 rows whose mode is not agg" in told[3]


def test_calibrated_points_predict_what_was_measured_of_the_first(tmp_path: Path) -> None:
    """A replica of half the speed is believed, at other batches too; another group is not touched by it."""
    slow = [{"batch_size": str(n)} for n in (4, 16, 64, 128)]
    plain = rows_of(run("estimate", "--points", points(tmp_path, *slow, {"tp_size": "2"}), "-o", "csv").out)
    measured = [
        change
        | {"silicon_tpot_ms": str(2 * float(row["predicted_tpot_ms"])), "silicon_ttft_ms": row["predicted_ttft_ms"]}
        for change, row in zip(slow, plain, strict=False)
    ]
    path = points(tmp_path, *measured, {"tp_size": "2"})
    found = rows_of(run("estimate", "--points", path, "-o", "csv", "--calibrate", "3").out)
    for row in found[:4]:
        assert float(row["predicted_tpot_ms"]) == pytest.approx(float(row["silicon_tpot_ms"]), rel=0.1)
    assert float(found[4]["predicted_tpot_ms"]) != float(plain[4]["predicted_tpot_ms"])
    alone = rows_of(
        run("estimate", "--points", points(tmp_path, {"tp_size": "2"}), "-o", "csv", "--calibrate", "3").out
    )
    assert found[4]["predicted_tpot_ms"] == alone[0]["predicted_tpot_ms"]


def test_ranks_written_as_a_product_are_read_as_two_views_of_the_same_chips(tmp_path: Path) -> None:
    """Tensor parallelism 64 for 8 × 8, and a batch per attention rank."""
    base = {"model_path": "deepseek-ai/DeepSeek-R1", "system": "h200_sxm", "batch_size": "32"}
    views = (
        base | {"tp_size": "8", "moe_tp_size": "1", "moe_ep_size": "8"},
        base | {"tp_size": "64", "moe_tp_size": "8", "moe_ep_size": "8"},
        base | {"tp_size": "1", "attention_dp_size": "8", "moe_tp_size": "1", "moe_ep_size": "8", "batch_size": "4"},
        base | {"tp_size": "1", "attention_dp_size": "64", "moe_tp_size": "8", "moe_ep_size": "8", "batch_size": "0.5"},
    )
    rows = rows_of(run("estimate", "--points", points(tmp_path, *views), "-o", "csv").out)
    tensor, product, data, data_product = (row["predicted_tpot_ms"] for row in rows)
    assert tensor == product
    assert data == data_product
    assert data != tensor


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"isl": "many"}, ":2: isl: wanted a number above 0, found 'many'"),
        ({"batch_size": ""}, ":2: batch_size: wanted a number above 0, found ''"),
        ({"osl": "-1"}, ":2: osl: wanted a number above 0, found '-1'"),
        ({"silicon_tpot_ms": "nan"}, ":2: silicon_tpot_ms: wanted a number above 0, found 'nan'"),
    ],
)
def test_a_field_that_cannot_be_read_is_named_by_file_and_line(
    tmp_path: Path, change: dict[str, str], told: str
) -> None:
    """Exit status 2 and nothing printed."""
    path = points(tmp_path, change)
    refused = run("estimate", "--points", path, "-o", "csv")
    assert (refused.exit_status, refused.out) == (2, "")
    assert f"{path}{told}" in refused.err


def test_a_table_that_is_none_is_bad_input(tmp_path: Path) -> None:
    """Missing columns, a ragged row, no file, and another form of output."""
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n", encoding="utf-8")
    assert "found no model_path" in run("estimate", "--points", other, "-o", "csv").err
    path = points(tmp_path, {})
    path.write_text(path.read_text(encoding="utf-8") + "too,few\n", encoding="utf-8")
    ragged = run("estimate", "--points", path, "-o", "csv")
    assert (ragged.exit_status, f"{path}:3: wanted as many fields" in ragged.err) == (2, True)
    assert run("estimate", "--points", tmp_path / "none.csv", "-o", "csv").exit_status == 2
    assert run("estimate", "--points", path).exit_status == 2


def test_the_document_is_json() -> None:
    """As the other verbs print it."""
    text = run(*LLAMA, "--accelerator", "mi300x", "-o", "json").out
    assert json.loads(text)["apiVersion"] == "quartermaster.dev/v1alpha1"
