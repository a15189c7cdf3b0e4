"""The CustomResourceDefinitions: committed files equal what the models say, and the converter refuses what it must."""

from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from quartermaster.api.crd import KINDS, crds, render
from quartermaster.api.names import GROUP, VERSION
from quartermaster.api.schema import UnsupportedSchemaError, root_schema
from quartermaster.api.v1alpha1.base import ObjectMeta
from quartermaster.cli import crds as crds_verb

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (ROOT / "crds", ROOT / "helm" / "quartermaster" / "crds")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_the_committed_definitions_are_those_that_the_models_say(folder: Path) -> None:
    """Neither folder drifts from the models; ``kubectl-quartermaster crds`` writes both."""
    assert crds_verb.check(folder) == []


def test_the_check_names_each_file_that_differs(tmp_path: Path) -> None:
    """A changed, a missing and an obsolete file are each reported, and writing mends all three."""
    written = crds_verb.write(tmp_path)
    written[0].write_text("changed\n", encoding="utf-8")
    written[1].unlink()
    (tmp_path / f"{GROUP}_gone.yaml").write_text("", encoding="utf-8")
    differences = crds_verb.check(tmp_path)
    assert len(differences) == 3
    for name in (written[0].name, written[1].name, f"{GROUP}_gone.yaml"):
        assert any(name in difference for difference in differences)
    crds_verb.write(tmp_path)
    assert crds_verb.check(tmp_path) == []


def test_rendering_twice_gives_equal_text() -> None:
    """The definitions are a pure function of the models."""
    assert render() == render()


def test_every_kind_has_its_scope_its_names_and_its_subresources() -> None:
    """Deployments are namespaced and scale with a selector; pools have a status; all can be named shortly."""
    by_kind = {crd["spec"]["names"]["kind"]: crd["spec"] for crd in crds()}
    assert {kind: spec["scope"] for kind, spec in by_kind.items()} == {
        "InferenceDeployment": "Namespaced",
        "AcceleratorPool": "Cluster",
        "ModelProfile": "Cluster",
    }
    assert {kind: spec["versions"][0].get("subresources", {}) for kind, spec in by_kind.items()} == {
        "InferenceDeployment": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        },
        "AcceleratorPool": {"status": {}},
        "ModelProfile": {},
    }
    short_names = [name for spec in by_kind.values() for name in spec["names"]["shortNames"]]
    assert short_names == ["infd", "acp", "mprof"]
    assert all("quartermaster" in spec["names"]["categories"] for spec in by_kind.values())
    assert all(spec["versions"][0]["name"] == VERSION for spec in by_kind.values())


def test_every_printer_column_points_at_a_field_of_the_schema() -> None:
    """A column whose path does not exist would be empty for ever."""
    for kind in KINDS:
        schema = root_schema(kind.model)
        for column in kind.columns:
            if column.path.startswith(".metadata"):
                continue
            assert _has_path(schema, column.path.split("[")[0]), f"{kind.name}: {column.path}"


def _has_path(schema: dict[str, Any], path: str) -> bool:
    for name in path.strip(".").split("."):
        if name not in schema.get("properties", {}):
            return False
        schema = schema["properties"][name]
    return True


class _Spec(BaseModel):
    ratio: float = 0.0


class _Union(BaseModel):
    either: int | str


class _Exclusive(BaseModel):
    above: Annotated[int, Field(gt=0)]


class _Pair(BaseModel):
    pair: tuple[int, str]


class _Free(BaseModel):
    anything: dict[str, Any]


def _root(spec: type[BaseModel]) -> type[BaseModel]:
    namespace: dict[str, Any] = {
        "__annotations__": {"api_version": str, "kind": str, "metadata": ObjectMeta, "spec": spec},
        "__module__": __name__,
        "__doc__": "A kind.",
        "api_version": Field(alias="apiVersion"),
    }
    return type("Root", (BaseModel,), namespace)


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        (_Spec, "found type 'number'"),
        (_Union, "found a union of 2"),
        (_Exclusive, "exclusiveMinimum"),
        (_Pair, "prefixItems"),
        (_Free, "wanted an object with fields or with bounded values"),
    ],
)
def test_the_converter_refuses_what_a_structural_schema_cannot_hold(spec: type[BaseModel], complaint: str) -> None:
    """Floats, unions, exclusive bounds, pairs and free-form objects are errors that name the field."""
    with pytest.raises(UnsupportedSchemaError, match=complaint) as refused:
        root_schema(_root(spec))
    assert str(refused.value).startswith("spec.")
