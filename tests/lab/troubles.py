"""What is wrong in a cluster, in a few lines, for the message of a test that waited in vain."""

from collections.abc import Iterator

from tests.lab import client as clients
from tests.lab.objects import Object, Objects, has_condition

LONGEST_LIST = 10


def describe(objects: Objects) -> list[str]:
    """Return a line for each node and pod that is not Ready (at most ten of each kind) and for each recent warning."""
    try:
        nodes = [line for node in objects.get("nodes") for line in _node(node)]
        pods = [line for pod in objects.get("pods") for line in _pod(pod)]
        warnings = [line for event in objects.get("events") for line in _event(event)]
    except (clients.RefusedError, clients.UnreachableError) as error:
        return [f"the API server does not say what is wrong: {error}"]
    return nodes[:LONGEST_LIST] + pods[:LONGEST_LIST] + warnings[-LONGEST_LIST:]


def _node(node: Object) -> Iterator[str]:
    if not has_condition(node, "Ready"):
        yield f"node {node['metadata']['name']} is not Ready: {_conditions(node)}"


def _pod(pod: Object) -> Iterator[str]:
    metadata, status = pod["metadata"], pod["status"]
    if not has_condition(pod, "Ready") and status.get("phase") != "Succeeded":
        place = pod["spec"].get("nodeName", "no node")
        state = "is terminating" if "deletionTimestamp" in metadata else f"is {status.get('phase')}, not Ready"
        yield f"pod {metadata['namespace']}/{metadata['name']} on {place} {state}: {_conditions(pod)}"


def _event(event: Object) -> Iterator[str]:
    if event.get("type") == "Warning":
        regarding = event.get("regarding") or event.get("involvedObject") or {}
        text = event.get("note") or event.get("message", "")
        yield f"{event.get('reason')} of {regarding.get('kind')} {regarding.get('name')}: {text}"


def _conditions(item: Object) -> str:
    conditions = item.get("status", {}).get("conditions") or []
    return ", ".join(f"{each['type']}={each['status']} {each.get('message', '')}".strip() for each in conditions)
