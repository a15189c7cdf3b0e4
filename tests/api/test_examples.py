"""Every example is applied to a real API server, read offline, and names only what the catalog knows."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from quartermaster.api.names import API_VERSION
from quartermaster.api.parse import Document, parse_document
from quartermaster.api.v1alpha1 import AcceleratorPool, InferenceDeployment
from quartermaster.catalog.load import load_catalog
from quartermaster.cli.main import main
from tests.api.documents import read_all
from tests.lab.client import RefusedError
from tests.lab.cluster import Cluster

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FILES = sorted([*(EXAMPLES / "deployments").glob("*.yaml"), *(EXAMPLES / "pools").glob("*.yaml")])


def our_documents() -> Iterator[Document]:
    """Yield every object of our own kinds."""
    for path in FILES:
        for document in read_all(path):
            if document["apiVersion"] == API_VERSION:
                yield parse_document(document)


@pytest.mark.lab
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_example_is_applied(path: Path, api: Cluster) -> None:
    """Server-side, as ``kubectl apply`` would, and a second time without change."""
    first = api.apply(path)
    second = api.apply(path)
    assert first
    assert [item["metadata"]["resourceVersion"] for item in first] == [
        item["metadata"]["resourceVersion"] for item in second
    ]


def test_examples_are_read_offline() -> None:
    """At least six deployments and a pool of each of three clouds."""
    documents = list(our_documents())
    assert sum(isinstance(document, InferenceDeployment) for document in documents) >= 6
    pools = [document for document in documents if isinstance(document, AcceleratorPool)]
    assert {"aws", "azure", "gcp"} <= {pool.spec.provider for pool in pools}
    assert any(pool.spec.external for pool in pools)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_example_says_at_its_head_what_it_shows(path: Path) -> None:
    """In a comment before the first line of YAML."""
    assert path.read_text(encoding="utf-8").startswith("# ")


def test_examples_name_models_accelerators_and_regions_of_the_catalog() -> None:
    """A name that the catalog does not know would be refused when the plan is made."""
    catalog = load_catalog()
    for document in our_documents():
        if isinstance(document, InferenceDeployment):
            spec = document.spec
            assert spec.model.facts or spec.model.name in catalog.models_by_name, document.metadata.name
            named = {shape.accelerator for shape in spec.serving.shapes if shape.accelerator}
            named |= {*spec.placement.accelerators.allow.names, *spec.placement.accelerators.deny.names}
            regions = set(spec.placement.regions.required)
        elif isinstance(document, AcceleratorPool):
            named = {document.spec.accelerator} if document.spec.accelerator else set()
            regions = {document.spec.region} if document.spec.region else set()
        else:
            named, regions = {document.spec.accelerator}, set()
        assert named <= catalog.accelerators_by_name.keys(), document.metadata.name
        assert regions <= catalog.regions_by_code.keys(), document.metadata.name


def test_every_example_finds_a_place_in_the_example_fleet(capsys: pytest.CaptureFixture[str]) -> None:
    """Planned offline, together, each where its comment says."""
    exit_status = main(["plan", "--fleet", str(EXAMPLES / "pools"), "-f", str(EXAMPLES / "deployments"), "-o", "json"])
    plan = json.loads(capsys.readouterr().out)
    assert (exit_status, plan["shortfalls"]) == (0, [])
    accelerators: dict[str, set[str]] = {}
    regions: dict[str, set[str]] = {}
    for placement in plan["placements"]:
        accelerators.setdefault(placement["name"], set()).add(placement["accelerator"])
        regions.setdefault(placement["name"], set()).add(placement["region"])
    deployments = [document for document in our_documents() if isinstance(document, InferenceDeployment)]
    assert accelerators.keys() == {deployment.metadata.name for deployment in deployments}
    assert regions["eu-only"] <= {"eu-north-1", "europe-west4", "swedencentral", "westeurope"}
    assert accelerators["tpu-only"] == {"google-tpu-v6e"}
    assert accelerators["neuron"] <= {"aws-inferentia2", "aws-trainium2"}
    assert len(accelerators["split"]) > 1
    assert regions["external-share"] == {"us-east-1", "us-west-2"}
    assert len(regions["spread-on-spot"]) >= 2
    assert accelerators["confidential"] == {"nvidia-h100-nvl"}


def test_made_up_certificates_are_labelled_as_such() -> None:
    """Nobody can mistake the evidence of an example for a real one."""
    for document in our_documents():
        if isinstance(document, AcceleratorPool):
            for certification in document.spec.certifications:
                assert "PLACEHOLDER" in certification.evidence


@pytest.mark.lab
def test_the_scale_subresource_reads_and_writes_the_wanted_count(api: Cluster) -> None:
    """It carries the selector and the replicas seen, as an HPA needs; unset, the count is first written to the spec."""
    api.apply(EXAMPLES / "deployments" / "hpa.yaml")
    status = {"replicas": 2, "selector": "quartermaster.dev/inference-deployment=hpa"}
    api.patch("infd", "hpa", {"status": status}, subresource="status")
    path = api.resource("infd").path("default", "hpa", "scale")
    scale = api.client.request("GET", path)
    assert (scale["spec"]["replicas"], scale["status"]) == (2, status)
    api.patch("infd", "hpa", {"spec": {"replicas": 5}}, subresource="scale")
    assert api.get("infd", "hpa")["spec"]["replicas"] == 5
    with pytest.raises(RefusedError, match=r"raise scaling\.maxReplicas"):
        api.patch("infd", "hpa", {"spec": {"replicas": 13}}, subresource="scale")


@pytest.mark.lab
def test_kubectl_scale_sets_a_count_that_was_not_stated(api: Cluster) -> None:
    """On a deployment that left the scaling to us until now."""
    api.apply(EXAMPLES / "deployments" / "eu-only.yaml")
    api.kubectl("scale", "infd", "eu-only", "--replicas=3")
    assert api.get("infd", "eu-only")["spec"]["replicas"] == 3


@pytest.mark.lab
def test_the_columns_of_kubectl_get_show_what_was_placed(api: Cluster) -> None:
    """Ready, placed, replicas, accelerators and cost at a glance."""
    api.apply(EXAMPLES / "deployments" / "minimal.yaml")
    condition = {"reason": "AllReady", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    status = {
        "conditions": [{"type": "Ready", "status": "True", **condition}],
        "replicas": 3,
        "accelerators": "nvidia-l4",
        "cost": {"dollarsPerHour": "2.41"},
    }
    api.patch("infd", "minimal", {"status": status}, subresource="status")
    header, row = api.kubectl("get", "infd", "minimal").stdout.splitlines()
    assert header.split() == ["NAME", "MODEL", "READY", "PLACED", "REPLICAS", "SERVING", "WHERE", "$/H", "AGE"]
    assert row.split()[:3] == ["minimal", "llama-3.1-8b-instruct", "True"]
    assert {"3", "nvidia-l4", "2.41"} <= set(row.split())


@pytest.mark.lab
def test_every_kind_can_be_explained_and_listed_together(api: Cluster) -> None:
    """``kubectl explain`` shows the descriptions, and one category lists all kinds."""
    explained = api.kubectl("explain", "infd.spec.scaling.scaleDownDelaySeconds").stdout
    assert "300 when unset." in " ".join(explained.split())
    listed = yaml.safe_load(api.kubectl("get", "quartermaster", "-A", "-o", "yaml").stdout)
    assert listed["kind"] == "List"
