"""Reading objects: every form that files take, and mistakes told with file, line and what to do."""

import io
import json
from pathlib import Path

import pytest

from quartermaster.cli.files import STANDARD_INPUT, BadInputError, read

NODE = """apiVersion: v1
kind: Node
metadata:
  name: a
  labels:
    cloud.google.com/gke-nodepool: h100
    cloud.google.com: shorter
    since: 2026-11-21
spec:
  taints:
  - key: first
  - key: second
    effect: NoSchedule
"""


def written(folder: Path, text: str, name: str = "some.yaml") -> Path:
    """Return a file with the text."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("field", "line"),
    [
        ("metadata.labels.cloud.google.com/gke-nodepool", 6),
        ("metadata.labels.cloud.google.com", 7),
        ("spec.taints[1].effect", 13),
        ("spec.taints[1].value", 12),
        ("spec.taints[7]", 10),
        ("spec.unschedulable", 9),
        ("status.allocatable", 1),
        ("", 1),
    ],
)
def test_a_field_is_found_by_its_line_and_an_absent_one_by_its_parent(tmp_path: Path, field: str, line: int) -> None:
    """Keys of labels hold dots and slashes; positions in lists count from zero."""
    (node,) = read([written(tmp_path, NODE)])
    assert node.line_of(field) == line


def test_dates_and_quantities_stay_what_they_are_in_json(tmp_path: Path) -> None:
    """The API server knows no dates, so that a date without quotes is text."""
    (node,) = read([written(tmp_path, NODE)])
    assert node.object["metadata"]["labels"]["since"] == "2026-11-21"


def test_lists_streams_and_json_give_the_same_objects_and_lines(tmp_path: Path) -> None:
    """As kubectl prints them, in a file of any name."""
    items = [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}} for name in "ab"]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, indent="\t")
    stream = "".join(f"---\n{json.dumps(item)}\n" for item in items)
    for name, content in (("list.json", text), ("list.yaml", text), ("stream.yaml", stream)):
        located = read([written(tmp_path, content, name)])
        assert [entry.object for entry in located] == items
    listed = read([tmp_path / "list.json"])
    assert [entry.line_of("metadata.name") for entry in listed] == [9, 16]
    nodes = {"apiVersion": "v1", "kind": "NodeList", "items": items}
    assert len(read([written(tmp_path, json.dumps(nodes), "nodes.json")])) == 2


def test_folders_are_read_whole_and_each_file_once(tmp_path: Path) -> None:
    """In the order of the names, with folders inside, without files that hold no objects by their name."""
    (tmp_path / "deep").mkdir()
    last = written(tmp_path / "deep", NODE.replace("name: a", "name: z"), "z.yml")
    written(tmp_path, NODE)
    written(tmp_path, "no objects", "README.md")
    written(tmp_path, "# only a comment\n---\n---\n", "empty.yaml")
    written(tmp_path, "", "empty.json")
    located = read([tmp_path, last, tmp_path])
    assert [entry.name for entry in located] == ["Node/z", "Node/a"]


def test_standard_input_is_read_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """``-`` stands for it."""
    monkeypatch.setattr("sys.stdin", io.StringIO(NODE))
    (node,) = read([STANDARD_INPUT])
    assert node.place("spec") == "<stdin>:9"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.yaml", "kind: Node\nmetadata: {name: [}\n", r"x\.yaml:2: wanted YAML or JSON, found: .*: mend the file"),
        ("x.yaml", "a: b\nkind: Node\na: c\n", r"x\.yaml:3: wanted each field once, found a again"),
        ("x.yaml", "---\n- kind: Node\n", r"x\.yaml:2: wanted a Kubernetes object with a kind, found a list"),
        ("x.yaml", "\nmetadata: {}\n", r"x\.yaml:2: wanted .* with a kind, found no kind: .* add apiVersion and kind"),
        ("x.yaml", "kind: 3\n", r"x\.yaml:1: wanted a Kubernetes object with a kind, found no kind"),
        ("x.yaml", "kind: List\nitems: {a: b}\n", r"x\.yaml:2: items: wanted a list, found a mapping"),
        ("x.yaml", "kind: List\nitems:\n- kind: Node\n- text\n", r"x\.yaml:4: .* found a string"),
        ("x.yaml", "kind: Node\nmetadata: !!python/name:os.system ''\n", r"x\.yaml:2: wanted plain YAML"),
        ("x.yaml", "kind: Node\n? [a]\n: b\n", r"x\.yaml:2: wanted plain YAML"),
        ("x.json", '{"kind": "Node",\n "x": }', r"x\.json:2: wanted JSON, found: .*, column 7"),
        ("x.json", "kind: Node\n", r"x\.json:1: wanted JSON"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    """The message says what was wanted, what was found, and what to do."""
    with pytest.raises(BadInputError, match=message):
        read([written(tmp_path, text, name)])


def test_what_cannot_be_read_at_all_is_refused_by_name(tmp_path: Path) -> None:
    """A path that is not there, and bytes that are no text."""
    with pytest.raises(BadInputError, match=r"absent\.yaml: wanted a file or a folder, found nothing there"):
        read([tmp_path / "absent.yaml"])
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInputError, match=r"bytes\.yaml: wanted UTF-8 text"):
        read([tmp_path / "bytes.yaml"])


def test_anchors_may_be_used_often_and_even_in_themselves(tmp_path: Path) -> None:
    """Reading ends; what an object may hold is judged later."""
    text = "kind: Node\nmetadata: &m {name: a, labels: {}}\nspec: {again: *m, more: &s [*s]}\n"
    (node,) = read([written(tmp_path, text)])
    assert node.object["spec"]["again"]["name"] == "a"
