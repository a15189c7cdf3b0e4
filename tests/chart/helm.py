"""Helm without a cluster, and what it renders. No assertions live here."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.lab import toolchain

CHART = Path(__file__).parents[2] / "helm" / "quartermaster"
RELEASE = "quartermaster"
NAMESPACE = "quartermaster-system"
KUBERNETES_VERSION = toolchain.KUBERNETES_VERSION
PROGRAM_BY_VERSION = {3: toolchain.HELM_3, 4: toolchain.HELM_4}

JsonObject = dict[str, Any]


def run(version: int, *args: str | Path, home: Path) -> subprocess.CompletedProcess[str]:
    """Run Helm 3 or 4 with its configuration in ``home``; the caller judges the exit status."""
    name = PROGRAM_BY_VERSION[version]
    homes = {"HELM_CACHE_HOME": "cache", "HELM_CONFIG_HOME": "config", "HELM_DATA_HOME": "data"}
    environment = {**os.environ, **{variable: str(home / folder) for variable, folder in homes.items()}}
    environment["KUBECONFIG"] = str(home / "no-cluster")
    command = [toolchain.ensure(name)[name], *args]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - Helm as the laboratory built it


def template(version: int, *, home: Path, values: JsonObject | None = None) -> subprocess.CompletedProcess[str]:
    """Render the chart with these values over its own."""
    file = home / "values.json"
    file.write_text(json.dumps(values or {}), encoding="utf-8")
    where = ("--namespace", NAMESPACE, "--kube-version", KUBERNETES_VERSION, "--values", file)
    return run(version, "template", RELEASE, CHART, *where, home=home)


def objects(rendered: str) -> dict[tuple[str, str], JsonObject]:
    """Return the rendered objects by kind and name."""
    documents = [document for document in yaml.safe_load_all(rendered) if document]
    return {(document["kind"], document["metadata"]["name"]): document for document in documents}
