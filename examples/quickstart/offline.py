"""The plan before there is a cluster: the verb ``plan`` over the files beside this one, and what its answer tells."""

import contextlib
import io
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from examples.quickstart.wanted import insist
from quartermaster.cli.main import main as kubectl_quartermaster
from tests.lab.fleet import example_fleet

HERE = Path(__file__).parent
POOLS = HERE / "pools.yaml"
DEPLOYMENTS = (HERE / "chat.yaml", HERE / "support.yaml", HERE / "agents.yaml")
RESTRICTED = "support"
"""The deployment that a rule keeps in the European Union."""
EUROPEAN_REGIONS = frozenset({"europe-west4"})

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Offline:
    """The plan of the example fleet, in words and as a document."""

    command: str
    text: str
    plan: JsonObject
    unrestricted: JsonObject
    """The plan as it would be if no rule kept the restricted deployment in the European Union."""

    @property
    def saving_dollars_per_hour(self) -> float:
        """What the rule costs."""
        cost: float = self.plan["dollarsPerHour"] - self.unrestricted["dollarsPerHour"]
        return cost

    @property
    def tempting_pool(self) -> str:
        """The pool outside the European Union that would get the most of the restricted deployment."""
        outside = [p for p in placements_of(self.unrestricted, RESTRICTED) if p["region"] not in EUROPEAN_REGIONS]
        insist(outside, "a cheaper pool outside the European Union", "none")
        pool: str = max(outside, key=lambda p: p["dollarsPerHour"])["pool"]
        return pool

    def refusal(self, name: str, pool: str) -> JsonObject:
        """Return why the pool was refused to the deployment."""
        found = [r for r in self.plan["rejections"] if (r["name"], r["pool"]) == (name, pool)]
        insist(found, f"{pool} refused to {name}", "no such refusal")
        refusal: JsonObject = found[0]
        return refusal


def placements_of(plan: JsonObject, name: str) -> list[JsonObject]:
    """Return the placements of one deployment."""
    return [placement for placement in plan["placements"] if placement["name"] == name]


@contextmanager
def fleet_file() -> Iterator[Path]:
    """Yield a file with the nodes of the example fleet, as ``snapshot`` would write it; it is removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="quartermaster-quickstart-"))
    try:
        path = folder / "fleet.json"
        path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": example_fleet()}), encoding="utf-8")
        yield path
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def plan(fleet: Path) -> Offline:
    """Plan all three deployments on the fleet.

    Raises:
        NotAsWantedError: the plan falls short, or could not be made.
    """
    arguments = ["plan", "--fleet", str(fleet), "-f", str(HERE)]
    freed = fleet.with_name("freed.json")
    documents = [document for path in DEPLOYMENTS for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))]
    for document in documents:
        document["spec"].pop("compliance", None) if document["metadata"]["name"] == RESTRICTED else None
    freed.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": documents}), encoding="utf-8")
    return Offline(
        command=f"kubectl quartermaster plan --fleet fleet.json -f {HERE.relative_to(HERE.parents[1])}",
        text=_run(arguments),
        plan=json.loads(_run([*arguments, "-o", "json", "--show-rejections"])),
        unrestricted=json.loads(_run(["plan", "--fleet", str(fleet), str(POOLS), "-f", str(freed), "-o", "json"])),
    )


def _run(arguments: list[str]) -> str:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = kubectl_quartermaster(arguments)
    insist(status == 0, "a plan that serves everything", f"exit status {status}: {err.getvalue()}{out.getvalue()}")
    return out.getvalue()
