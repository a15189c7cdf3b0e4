"""The verb ``crds`` on folders and on standard output; the cluster's side is tested live."""

import json
from pathlib import Path

import yaml

from quartermaster.api.crd import crds
from tests.cli.run import run

ROOT = Path(__file__).resolve().parents[2]


def test_they_are_printed_for_kubectl_to_apply() -> None:
    """As a stream of YAML documents, or as a list in JSON."""
    printed = run("crds")
    assert (printed.exit_status, list(yaml.safe_load_all(printed.out))) == (0, crds())
    assert json.loads(run("crds", "-o", "json").out)["items"] == crds()


def test_folders_are_written_and_checked(tmp_path: Path) -> None:
    """Exit status 1 and a diff where a file was changed; the committed folders are those of this version."""
    written = run("crds", tmp_path / "deep" / "crds")
    assert written.exit_status == 0
    assert written.out.count("wrote ") == len(crds())
    assert run("crds", "--check", tmp_path / "deep" / "crds", ROOT / "crds", ROOT / "helm/quartermaster/crds").out == ""
    changed = tmp_path / "deep" / "crds" / "quartermaster.dev_modelprofiles.yaml"
    changed.write_text(changed.read_text(encoding="utf-8").replace("TP", "TensorParallelism", 1), encoding="utf-8")
    differs = run("crds", "--check", tmp_path / "deep" / "crds")
    assert differs.exit_status == 1
    assert "TensorParallelism" in differs.out
    absent = run("crds", "--check", tmp_path / "none")
    assert absent.exit_status == 1
    assert f"run `kubectl-quartermaster crds {tmp_path}/none`" in absent.out


def test_a_folder_that_cannot_be_written_is_bad_input(tmp_path: Path) -> None:
    """A file is in its place."""
    (tmp_path / "crds").write_text("", encoding="utf-8")
    refused = run("crds", tmp_path / "crds")
    assert (refused.exit_status, refused.out) == (2, "")
    assert refused.err.startswith(f"{tmp_path}/crds: wanted a folder to write into, found: ")
