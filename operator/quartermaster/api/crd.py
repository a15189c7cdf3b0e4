"""The kinds as CustomResourceDefinitions: names, columns, subresources. Pure; writing them is the CLI's work.

Schemas come from ``schema``, rules from the models; what only the API server needs to know of a kind stands here.
"""

from dataclasses import dataclass
from typing import Any, Final

import yaml
from pydantic import BaseModel

from quartermaster.api.names import GROUP, VERSION
from quartermaster.api.schema import root_schema
from quartermaster.api.v1alpha1 import AcceleratorPool, InferenceDeployment, ModelProfile

_HEADER: Final = "# Generated from operator/quartermaster/api by `kubectl-quartermaster crds`. Do not edit.\n"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of ``kubectl get``; one of priority 1 shows with ``-o wide`` only."""

    name: str
    path: str
    type: str = "string"
    priority: int = 0
    description: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the entry of ``additionalPrinterColumns``."""
        entry: dict[str, Any] = {"name": self.name, "type": self.type, "jsonPath": self.path}
        if self.description:
            entry["description"] = self.description
        if self.priority:
            entry["priority"] = self.priority
        return entry


@dataclass(frozen=True, slots=True)
class Kind:
    """What the API server needs to know of a kind besides its schema."""

    model: type[BaseModel]
    plural: str
    short_names: tuple[str, ...]
    categories: tuple[str, ...]
    columns: tuple[Column, ...]
    is_namespaced: bool = False
    has_status: bool = True
    is_scalable: bool = False

    @property
    def name(self) -> str:
        """The kind, such as InferenceDeployment."""
        return self.model.__name__

    @property
    def resource(self) -> str:
        """The CRD's own name, such as inferencedeployments.quartermaster.dev."""
        return f"{self.plural}.{GROUP}"

    def crd(self) -> dict[str, Any]:
        """Return the CustomResourceDefinition."""
        version: dict[str, Any] = {
            "name": VERSION,
            "served": True,
            "storage": True,
            "additionalPrinterColumns": [column.as_dict() for column in self.columns],
            "schema": {"openAPIV3Schema": root_schema(self.model)},
        }
        if self.has_status:
            version["subresources"] = {"status": {}}
        if self.is_scalable:
            version["subresources"]["scale"] = {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            }
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": self.resource, "labels": {"app.kubernetes.io/name": "quartermaster"}},
            "spec": {
                "group": GROUP,
                "names": {
                    "kind": self.name,
                    "listKind": f"{self.name}List",
                    "plural": self.plural,
                    "singular": self.name.lower(),
                    "shortNames": list(self.short_names),
                    "categories": list(self.categories),
                },
                "scope": "Namespaced" if self.is_namespaced else "Cluster",
                "versions": [version],
            },
        }


def _condition(kind: str, field: str = "status") -> str:
    return f'.status.conditions[?(@.type=="{kind}")].{field}'


_AGE: Final = Column("Age", ".metadata.creationTimestamp", "date")

KINDS: Final = (
    Kind(
        model=InferenceDeployment,
        plural="inferencedeployments",
        short_names=("infd",),
        categories=("all", "quartermaster"),
        is_namespaced=True,
        is_scalable=True,
        columns=(
            Column("Model", ".spec.model.name"),
            Column("Ready", _condition("Ready"), description="Every wanted replica serves."),
            Column("Placed", _condition("Placed"), description="The plan serves the whole demand."),
            Column("Replicas", ".status.replicas", "integer"),
            Column("Serving", ".status.readyReplicas", "integer", description="Replicas seen ready."),
            Column("Where", ".status.accelerators", description="Accelerators in use."),
            Column("$/h", ".status.cost.dollarsPerHour", description="Cost of the placements per hour."),
            Column("Compliant", _condition("Compliant"), priority=1),
            Column("$/Mtok", ".status.cost.dollarsPerMillionTokens", priority=1),
            Column("Reason", _condition("Ready", "message"), priority=1),
            _AGE,
        ),
    ),
    Kind(
        model=AcceleratorPool,
        plural="acceleratorpools",
        short_names=("acp",),
        categories=("quartermaster",),
        columns=(
            Column("Accelerator", ".spec.accelerator"),
            Column("Region", ".spec.region"),
            Column("Capacity", ".spec.capacityType"),
            Column("Nodes", ".status.nodes", "integer"),
            Column("Chips", ".status.chips", "integer"),
            Column("Free", ".status.freeChips", "integer"),
            Column("Ready", _condition("Ready")),
            Column("$/chip-h", ".spec.dollarsPerChipHour", priority=1),
            Column("Operator", ".spec.operator.name", priority=1),
            Column("Endpoint", ".spec.external.endpoint", priority=1),
            _AGE,
        ),
    ),
    Kind(
        model=ModelProfile,
        plural="modelprofiles",
        short_names=("mprof",),
        categories=("quartermaster",),
        has_status=False,
        columns=(
            Column("Model", ".spec.model"),
            Column("Accelerator", ".spec.accelerator"),
            Column("Engine", ".spec.engine"),
            Column("Precision", ".spec.precision"),
            Column("TP", ".spec.tensorParallelism", "integer"),
            Column("Batch", ".spec.maxBatchSize", "integer"),
            Column("Origin", ".spec.origin"),
            _AGE,
        ),
    ),
)
"""Every kind of the API, in the order of the documentation."""


def crds() -> list[dict[str, Any]]:
    """Return every CustomResourceDefinition as a document."""
    return [kind.crd() for kind in KINDS]


def render() -> dict[str, str]:
    """Return the YAML text of each CustomResourceDefinition by the name of its file."""
    return {
        f"{GROUP}_{kind.plural}.yaml": _HEADER
        + yaml.safe_dump(kind.crd(), sort_keys=False, width=118, allow_unicode=True)
        for kind in KINDS
    }
