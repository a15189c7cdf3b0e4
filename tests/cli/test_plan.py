"""The verb ``plan``: its document, its page, its exit status; and that it decides what the operator would decide."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from quartermaster.api import names
from quartermaster.api.names import API_VERSION
from quartermaster.catalog.load import load_catalog
from quartermaster.cli import world
from quartermaster.cli.files import read
from quartermaster.cli.table import WIDTH
from quartermaster.reconcile.decide import decide
from quartermaster.reconcile.outcome import Memory
from tests.cli.run import FLEET, GOLDEN, WANTED, Ran, run
from tests.lab.fleet import example_fleet

Object = dict[str, Any]

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
UNSTEADY = ("objective", "bound", "gapFraction", "solveSeconds")
"""Numbers of the solver and of the clock; the rest follows from stated figures."""
FIELDS_OF_A_CANDIDATE = {
    "namespace",
    "name",
    "cluster",
    "region",
    "pool",
    "capacityType",
    "accelerator",
    "shape",
    "engine",
    "chipsPerReplica",
    "requestsPerSecondPerReplica",
    "tokensPerSecondPerReplica",
    "throughputSource",
    "dollarsPerHourPerReplica",
    "priceSource",
    "isExternal",
}


def compare(path: Path, text: str, *, update: bool) -> None:
    """Compare with the golden file, or write it anew."""
    if update:
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"{path} is missing: run pytest --update-golden and read it"
    assert text == path.read_text(encoding="utf-8"), f"{path} differs: run pytest --update-golden and read the diff"


@pytest.fixture(scope="module")
def golden() -> Ran:
    """Return the document of the small fleet."""
    return run("plan", "--fleet", FLEET, "-f", WANTED, "--show-candidates", "-o", "json")


def test_the_document_is_what_the_golden_file_says(golden: Ran, request: pytest.FixtureRequest) -> None:
    """Programs read it: a field that goes or changes shows here."""
    document = golden.document
    for name in UNSTEADY:
        assert isinstance(document[name], float)
        document[name] = "a number"
    update = bool(request.config.getoption("--update-golden"))
    compare(GOLDEN / "plan.json", json.dumps(document, indent=2, ensure_ascii=False) + "\n", update=update)


def test_the_page_is_what_the_golden_file_says(request: pytest.FixtureRequest) -> None:
    """All but its last sentence, which the clock changes."""
    ran = run("plan", "--fleet", FLEET, "-f", WANTED, "--show-candidates")
    page, _, proof = ran.out.rstrip("\n").rpartition("\n\n")
    compare(GOLDEN / "plan.txt", page + "\n", update=bool(request.config.getoption("--update-golden")))
    told = " ".join(proof.split())
    assert told.startswith(
        "3 deployments on 3 pools, of which 1 not served whole: $21.59 per hour. Proven: no admissible"
    )


def test_replicas_that_are_spread_over_zones_are_placed_zone_by_zone() -> None:
    """Each in a row of its own: the page names zones beside regions, the document where there are any."""
    asked = ("plan", "--fleet", EXAMPLES / "pools" / "gke.yaml", "-f", EXAMPLES / "deployments" / "spread-on-spot.yaml")
    placements = run(*asked, "-o", "json").document["placements"]
    assert len({placement["zone"] for placement in placements}) >= 3
    header, _, *rows = run(*asked).out.splitlines()
    assert "REGION OR ZONE" in header
    for placement, told in zip(placements, rows, strict=False):
        assert told.split()[:4] == [str(placement["replicas"]), "×", placement["shape"], placement["zone"]]


def test_a_shortfall_is_the_answer_no(golden: Ran) -> None:
    """Exit status 1, and the reason with what would help."""
    assert (golden.exit_status, golden.err) == (1, "")
    (shortfall,) = golden.document["shortfalls"]
    assert (shortfall["name"], shortfall["requestsPerSecond"]) == ("in-canada", 1.0)
    assert all(shortfall[name] for name in ("cause", "reason", "message", "remedy"))


def test_the_pool_where_one_more_node_would_serve_is_told(tmp_path: Path) -> None:
    """In the document with who would find room on it; on the page in one row; not at all where nothing is short."""
    more = tmp_path / "wanted.yaml"
    more.write_text(WANTED.read_text(encoding="utf-8").replace('"20"', '"95"'), encoding="utf-8")
    (worth,) = run("plan", "--fleet", FLEET, "-f", more, "-o", "json").document["worthOfOneMoreNode"]
    assert (worth["pool"], worth["accelerator"], worth["chips"]) == ("eu-mi300x", "amd-mi300x", 4)
    assert worth["dollarsPerHourOfNode"] == 20.0
    (served,) = worth["served"]
    assert (served["namespace"], served["name"], served["replicas"]) == ("default", "in-europe", 4)
    assert 0 < served["requestsPerSecond"] < 95
    page = run("plan", "--fleet", FLEET, "-f", more).out
    assert "4 × amd-mi300x  europe-west4  eu-mi300x  33.1 requests/s of default/in-europe" in page
    assert "ONE MORE NODE" not in run("plan", "--fleet", FLEET, "-f", WANTED).out


def test_yaml_says_the_same_as_json(golden: Ran) -> None:
    """Only the time that it took differs."""
    ran = run("plan", "--fleet", FLEET, "-f", WANTED, "--show-candidates", "-o", "yaml")
    assert yaml.safe_load(ran.out) | {"solveSeconds": 0} == golden.document | {"solveSeconds": 0}


def test_every_candidate_is_listed_with_chips_rate_and_cost(golden: Ran) -> None:
    """When asked for; placements have the same fields, and counts."""
    document = golden.document
    assert (document["apiVersion"], document["kind"]) == (API_VERSION, "Plan")
    assert {frozenset(candidate) for candidate in document["candidates"]} == {frozenset(FIELDS_OF_A_CANDIDATE)}
    for placement in document["placements"]:
        assert set(placement) == FIELDS_OF_A_CANDIDATE | {"replicas", "dollarsPerHour"}
        cost = placement["replicas"] * placement["dollarsPerHourPerReplica"]
        assert placement["dollarsPerHour"] == pytest.approx(cost)
    assert "candidates" not in run("plan", "--fleet", FLEET, "-f", WANTED, "-o", "json").document


def test_a_pool_that_states_its_own_nodes_needs_no_node(golden: Ran) -> None:
    """Its limits and its template are enough to plan on."""
    placed = [p for p in golden.document["placements"] if p["name"] == "in-europe"]
    assert [(p["pool"], p["replicas"], p["capacityType"]) for p in placed] == [("eu-mi300x", 3, "Reserved")]


def test_chips_that_somebody_else_holds_are_not_planned_on(golden: Ran) -> None:
    """Six of eight are taken on the one node, so two are left."""
    placed = [p for p in golden.document["placements"] if p["pool"] == "us-h100"]
    assert sum(p["replicas"] * p["chipsPerReplica"] for p in placed) == 2


def test_every_refusal_is_told_when_asked_for() -> None:
    """Every shape of every pool, and every rule that refuses a pool; otherwise the nearest of each pool."""
    words = ("plan", "--fleet", EXAMPLES / "pools", "-f", EXAMPLES / "deployments", "-o", "json")
    few, all_of_them = run(*words).document, run(*words, "--show-rejections").document
    told = [{(r["name"], r["pool"], r["rule"]) for r in document["rejections"]} for document in (few, all_of_them)]
    assert told[0] < told[1]
    assert few["placements"] == all_of_them["placements"]
    page = run(*words[:-2], "--show-rejections").out
    assert page.count("    → ") >= len(all_of_them["rejections"])
    assert max(map(len, page.splitlines())) <= WIDTH


def test_the_page_of_a_large_fleet_fits_a_terminal(tmp_path: Path) -> None:
    """Also with candidates, and with a pool whose name is as long as a name may be."""
    pool = next(d for d in yaml.safe_load_all(FLEET.read_text(encoding="utf-8")) if d["kind"] == "AcceleratorPool")
    pool["metadata"]["name"] = "a-pool-named-at-length-" + "and-more-" * 4 + "up"
    fleet = tmp_path / "fleet.json"
    fleet.write_text(json.dumps({"kind": "List", "items": [*example_fleet(), pool]}), encoding="utf-8")
    ran = run("plan", "--fleet", fleet, "-f", EXAMPLES / "deployments", "--show-candidates")
    assert max(map(len, ran.out.splitlines())) <= WIDTH
    assert ran.exit_status == 1


def in_files(folder: Path, objects: list[Object]) -> Path:
    """Return a file that holds the objects."""
    path = folder / "seen.json"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}), encoding="utf-8")
    return path


def test_the_plan_is_that_of_the_operator(tmp_path: Path) -> None:
    """Of one that starts anew on the same world: with what runs, and the load that statuses tell."""
    catalog = load_catalog()
    objects = [entry.object for entry in read([FLEET, WANTED])]
    first = decide(world.observed(objects), Memory(), catalog=catalog, plan_seconds=60.0)
    children = [dict(entry.manifest) for entry in first.apply if entry.manifest["kind"] == "Deployment"]
    assert {child["metadata"]["labels"][names.POOL_LABEL] for child in children} == {"us-h100", "eu-mi300x"}
    measured = {"requestsPerSecond": "12", "inputTokens": 400, "outputTokens": 100, "source": "Measured"}
    seen = [
        {**document, "status": {"demand": measured}} if document["kind"] == "InferenceDeployment" else document
        for document in (*objects, *children)
    ]
    ran = run("plan", "--fleet", in_files(tmp_path, seen), "-o", "json")
    decided = decide(world.observed(seen), Memory(), catalog=catalog, plan_seconds=60.0).plan
    assert {d["demandSource"] for d in ran.document["deployments"]} == {"Measured"}
    told = [(p["name"], p["pool"], p["shape"], p["replicas"]) for p in ran.document["placements"]]
    assert told == [
        (p.candidate.workload.name, p.candidate.pool, p.candidate.shape.key, p.replicas) for p in decided.placements
    ]
    assert ran.document["objective"] == pytest.approx(decided.objective)
    assert "12 requests/s of 400 + 100 tokens, measured" in run("plan", "--fleet", tmp_path / "seen.json").out


def test_a_model_that_nobody_knows_is_a_mistake_in_the_file_that_asks(tmp_path: Path) -> None:
    """In a fleet it is one deployment among others, which are planned; the answer is still no."""
    good = next(d for d in yaml.safe_load_all(WANTED.read_text(encoding="utf-8")))
    bad = {
        "apiVersion": API_VERSION,
        "kind": "InferenceDeployment",
        "metadata": {"name": "odd", "namespace": "lab"},
        "spec": {"model": {"name": "llama-9"}},
    }
    path = in_files(tmp_path, [good, bad])
    asked = run("plan", "--fleet", FLEET, "-f", path)
    assert (asked.exit_status, asked.out) == (2, "")
    assert asked.err.startswith(f"{path}:1: InferenceDeployment/odd: spec.model.name: model 'llama-9' is not in")
    seen = run("plan", "--fleet", FLEET, path, "-o", "json")
    assert seen.exit_status == 1
    assert [p["name"] for p in seen.document["placements"]] == ["everywhere", "everywhere"]
    (refused,) = [r for r in seen.document["refusedInputs"] if r["kind"] == "InferenceDeployment"]
    assert (refused["namespace"], refused["name"], refused["reason"]) == ("lab", "odd", "ModelUnknown")
    assert "InferenceDeployment lab/odd (ModelUnknown)" in run("plan", "--fleet", FLEET, path).out


def test_what_is_asked_takes_the_place_of_what_is_there(tmp_path: Path) -> None:
    """So that a change can be tried before it is applied."""
    changed = next(d for d in yaml.safe_load_all(WANTED.read_text(encoding="utf-8")))
    changed["spec"]["traffic"]["requestsPerSecond"] = "1"
    words = ("plan", "--fleet", FLEET, WANTED, "-o", "json")
    before, after = run(*words).document, run(*words, "-f", in_files(tmp_path, [changed])).document
    assert len(before["deployments"]) == len(after["deployments"]) == 3
    assert after["dollarsPerHour"] < before["dollarsPerHour"]


def test_what_was_read_and_skipped_is_told_on_request(tmp_path: Path) -> None:
    """On standard error, so that the answer stays whole."""
    quiet = run("plan", "--fleet", EXAMPLES / "pools", "-f", EXAMPLES / "deployments" / "hpa.yaml")
    told = run("plan", "--fleet", EXAMPLES / "pools", "-f", EXAMPLES / "deployments" / "hpa.yaml", "-v")
    assert (quiet.exit_status, quiet.err) == (0, "")
    assert told.err.splitlines() == [
        "planned with: 11 AcceleratorPools, 1 InferenceDeployment",
        "skipped: 1 HorizontalPodAutoscaler",
    ]
    assert "2 replicas by spec.replicas" in quiet.out
    empty = tmp_path / "empty.yaml"
    empty.write_text("", encoding="utf-8")
    nothing = run("plan", "--fleet", empty)
    assert (nothing.exit_status, nothing.out) == (2, "")
    assert nothing.err == (
        f"wanted at least one InferenceDeployment, found none in {empty}: name the file of one with -f\n"
    )


def test_a_fleet_without_pools_places_nothing(tmp_path: Path) -> None:
    """That is an answer, not an error."""
    empty = tmp_path / "empty.yaml"
    empty.write_text("", encoding="utf-8")
    ran = run("plan", "--fleet", empty, "-f", EXAMPLES / "deployments" / "minimal.yaml")
    assert ran.exit_status == 1
    assert ran.out.startswith("Nothing is placed.\n\nFalls short:\n  default/minimal: ")


def test_standard_input_is_given_once() -> None:
    """It cannot be both the fleet and what is asked of it."""
    ran = run("plan", "--fleet", "-", "-f", "-")
    assert ran.exit_status == 2
    assert "put one of them into a file" in ran.err


def test_a_plan_may_be_asked_for_within_seconds(golden: Ran) -> None:
    """Cut off at once, it is a plan whose bound is not above what the whole search found."""
    ran = run("plan", "--fleet", FLEET, "-f", WANTED, "--seconds", "0", "-o", "json")
    assert ran.exit_status == golden.exit_status
    assert ran.document["placements"]
    assert ran.document["bound"] <= golden.document["objective"] + 1e-6


@pytest.mark.parametrize("seconds", ["soon", "-1", "nan"])
def test_seconds_that_cannot_pass_are_bad_input(seconds: str) -> None:
    """The text says what was wanted and found."""
    ran = run("plan", "--fleet", FLEET, "-f", WANTED, "--seconds", seconds)
    assert ran.exit_status == 2
    assert f"wanted seconds from 0 up, found '{seconds}'" in ran.err
