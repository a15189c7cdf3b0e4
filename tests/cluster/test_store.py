"""What is kept, and what is told of it."""

from typing import Any

from quartermaster.cluster.change import Change
from quartermaster.cluster.store import Store


def _document(name: str, value: str, namespace: str = "prod") -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": name}, "value": value}


def _value(document: dict[str, Any]) -> str | None:
    """A trim that keeps one word, keeps nothing of what is empty, and refuses what is odd."""
    if document["value"] == "odd":
        raise ValueError("wanted a word, found odd")
    return str(document["value"]) or None


def _store() -> tuple[Store[str], list[Change[str]]]:
    changes: list[Change[str]] = []
    return Store(_value, changes.append), changes


def test_only_what_differs_in_what_is_kept_is_told() -> None:
    """A heartbeat changes an object, and nothing that anyone decides on."""
    store, changes = _store()
    store.put(_document("a", "one"))
    store.put({**_document("a", "one"), "heartbeat": "now"})
    store.put(_document("a", "two"))
    store.remove(_document("a", "two"))
    assert changes == [
        Change(("prod", "a"), None, "one"),
        Change(("prod", "a"), "one", "two"),
        Change(("prod", "a"), "two", None),
    ]


def test_objects_of_one_name_in_two_namespaces_are_two() -> None:
    """The key has both."""
    store, _ = _store()
    store.put(_document("a", "one", "prod"))
    store.put(_document("a", "two", "test"))
    assert dict(store) == {("prod", "a"): "one", ("test", "a"): "two"}


def test_an_object_that_is_not_worth_keeping_goes() -> None:
    """A trim may say that nothing is kept of it, also later."""
    store, changes = _store()
    store.put(_document("a", "one"))
    store.put(_document("a", ""))
    assert not store
    assert changes[-1] == Change(("prod", "a"), "one", None)


def test_a_refused_object_is_named_with_its_reason_until_it_can_be_read() -> None:
    """It is not lost in silence."""
    store, _ = _store()
    store.put(_document("a", "odd"))
    assert store.refused_by_key == {("prod", "a"): "wanted a word, found odd"}
    store.put(_document("a", "one"))
    assert store.refused_by_key == {}


def test_a_new_list_replaces_the_store_only_when_complete() -> None:
    """Until then nobody acts on half a list; then what vanished, what came and what differs is told."""
    store, changes = _store()
    for name in ("stays", "differs", "vanishes"):
        store.put(_document(name, "one"))
    changes.clear()
    draft = store.draft()
    draft.put(_document("stays", "one"))
    draft.put(_document("differs", "two"))
    draft.put(_document("comes", "one"))
    draft.put(_document("goes at once", "one"))
    draft.remove(_document("goes at once", "one"))
    assert len(store) == 3
    store.become(draft)
    assert {(change.key[1], change.before, change.after) for change in changes} == {
        ("vanishes", "one", None),
        ("differs", "one", "two"),
        ("comes", None, "one"),
    }
    assert set(store) == {("prod", "stays"), ("prod", "differs"), ("prod", "comes")}


def test_a_removed_object_that_was_never_there_is_no_change() -> None:
    """A deletion may be heard of twice."""
    store, changes = _store()
    store.remove(_document("a", "one"))
    assert changes == []
