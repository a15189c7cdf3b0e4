"""Objects become one look at the world: those that matter are judged by line and field, the others passed over."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from quartermaster.cli import world
from quartermaster.cli.files import BadInputError, read

Object = dict[str, Any]

NODE: Object = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}}
POD: Object = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}
CHILD: Object = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}}
OURS: Object = {
    "apiVersion": "quartermaster.dev/v1alpha1",
    "kind": "InferenceDeployment",
    "metadata": {"name": "i"},
    "spec": {"model": {"name": "llama-3.1-8b-instruct"}},
}


def in_file(folder: Path, *documents: Object) -> Path:
    """Return a file with the objects."""
    path = folder / "objects.yaml"
    path.write_text(yaml.safe_dump_all(documents, sort_keys=False), encoding="utf-8")
    return path


def refused(folder: Path, *documents: Object) -> list[str]:
    """Return the lines of the refusal, without the folder."""
    with pytest.raises(BadInputError) as caught:
        world.known(read([in_file(folder, *documents)]))
    return [line.removeprefix(f"{folder}/objects.yaml:") for line in str(caught.value).splitlines()]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (NODE | {"metadata": {}}, "3: Node/?: metadata.name: wanted a value, found nothing"),
        (NODE | {"metadata": {"name": 7}}, "4: Node/7: metadata.name: wanted a name, found 7"),
        (NODE | {"metadata": None}, "3: Node/?: metadata: wanted a value, found nothing"),
        (NODE | {"metadata": "n"}, "3: Node/?: metadata: wanted an object with fields, found n"),
        (NODE | {"metadata": {"name": "n", "labels": ["a"]}}, "5: Node/n: metadata.labels: wanted a mapping"),
        (
            NODE | {"metadata": {"name": "n", "labels": {"a.b/c": 8}}},
            "6: Node/n: metadata.labels.a.b/c: wanted a string, found 8: put it in quotes",
        ),
        (
            NODE | {"metadata": {"name": "n", "labels": {8: "a"}}},
            "6: Node/n: metadata.labels.8: wanted a string as key, found 8: put it in quotes",
        ),
        (
            NODE | {"spec": {"taints": [{"key": "a"}]}},
            "7: Node/n: spec.taints[0].effect: wanted a value, found nothing",
        ),
        (NODE | {"spec": {"unschedulable": "yes"}}, "6: Node/n: spec.unschedulable: wanted true or false, found yes"),
        (
            NODE | {"status": {"allocatable": {"nvidia.com/gpu": "eight"}}},
            "7: Node/n: status.allocatable.nvidia.com/gpu: wanted a quantity such as 8, 250m or 1Gi, found eight",
        ),
        (
            NODE | {"status": {"capacity": {"nvidia.com/gpu": -1}}},
            "7: Node/n: status.capacity.nvidia.com/gpu: wanted a quantity",
        ),
        (NODE | {"status": {"conditions": {"type": "Ready"}}}, "6: Node/n: status.conditions: wanted a list"),
        (POD | {"spec": {"containers": "one"}}, "6: Pod/p: spec.containers: wanted a list, found one"),
        (
            POD | {"spec": {"containers": [{"resources": {"requests": [1]}}]}},
            "8: Pod/p: spec.containers[0].resources.requests: wanted a mapping, found a list of 1",
        ),
        (CHILD | {"spec": {"replicas": "2"}}, "6: Deployment/d: spec.replicas: wanted a whole number"),
        (CHILD | {"status": {"readyReplicas": -2}}, "6: Deployment/d: status.readyReplicas: wanted a whole number"),
        ({"kind": "Node", "metadata": {"name": "n"}}, "1: Node/n: apiVersion: wanted v1, found nothing"),
        (
            OURS | {"apiVersion": "quartermaster.dev/v9"},
            "1: InferenceDeployment/i: apiVersion: wanted quartermaster.dev",
        ),
        (OURS | {"kind": "InferenceDeploymnt"}, "2: InferenceDeploymnt/i: kind: wanted one of InferenceDeployment"),
        (
            OURS | {"spec": {"model": {"name": "x"}, "scaling": {"minReplicas": 5, "maxReplicas": 2}}},
            "10: InferenceDeployment/i: spec.scaling.maxReplicas: wanted maxReplicas",
        ),
    ],
)
def test_a_malformed_object_is_refused_by_line_and_field(tmp_path: Path, document: Object, said: str) -> None:
    """One sentence each; the API server would have refused it as well."""
    (line,) = refused(tmp_path, document)
    assert line.startswith(said)
    assert line.count(": ") >= 3


def test_every_mistake_of_all_files_is_told_at_once(tmp_path: Path) -> None:
    """In the order of the lines."""
    scaling = {"minReplicas": "two", "maxReplica": 3}
    broken = OURS | {"spec": {"model": {"name": "x"}, "scaling": scaling}}
    lines = refused(tmp_path, NODE | {"spec": {"unschedulable": 1}}, broken)
    assert [int(line.partition(":")[0]) for line in lines] == [6, 16, 17]


def test_an_object_twice_is_refused_with_both_places(tmp_path: Path) -> None:
    """Which one is meant cannot be known; the default namespace may be said or not."""
    again = OURS | {"metadata": {"name": "i", "namespace": "default"}}
    (line,) = refused(tmp_path, OURS, NODE, again)
    assert line == (
        f"14: InferenceDeployment/i: wanted each object once, found it at {tmp_path}/objects.yaml:1 as well: "
        "remove one of them"
    )


def test_objects_of_other_kinds_are_passed_over_and_counted(tmp_path: Path) -> None:
    """Also those of another group that has a kind of the same name."""
    foreign: list[Object] = [
        {"apiVersion": "v1", "kind": "ConfigMap"},
        {"apiVersion": "v1", "kind": "ConfigMap", "data": [1]},
        {"apiVersion": "infrastructure.example.com/v1", "kind": "Node"},
    ]
    kept, skipped = world.known(read([in_file(tmp_path, NODE, *foreign)]))
    assert [entry.object for entry in kept] == [NODE]
    assert skipped == {"ConfigMap": 2, "Node": 1}


def test_a_node_in_a_file_works_and_offers_its_capacity() -> None:
    """Whoever writes one by hand states no conditions; one that is told to be not ready is not."""
    node = NODE | {"status": {"capacity": {"nvidia.com/gpu": 8}}}
    broken = NODE | {"metadata": {"name": "m"}, "status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    seen = world.observed([node, broken])
    assert [(n.name, n.is_ready, n.allocatable_by_resource.get("nvidia.com/gpu")) for n in seen.nodes] == [
        ("m", False, None),
        ("n", True, 8),
    ]


def test_a_later_object_takes_the_place_of_an_earlier_one() -> None:
    """So that a changed deployment can be tried on the fleet that holds the present one."""
    changed = OURS | {"spec": {"model": {"name": "qwen3-8b"}}}
    seen = world.observed([OURS, NODE, changed])
    assert [entry.document.spec.model.name for entry in seen.deployments if entry.document] == ["qwen3-8b"]
