"""Objects of a cluster: apply, get, list, patch, delete, by kind instead of by path.

Only what works on any cluster through its API lives here; processes and files of the laboratory do not.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar, overload

import yaml

from tests.lab import client as clients
from tests.lab import waiting

FIELD_MANAGER = "lab"
PARALLEL_REQUESTS = 8
DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

Item = TypeVar("Item")
Result = TypeVar("Result")
Object = dict[str, Any]
Source = Object | Sequence[Object] | str | Path


class UnknownKindError(LookupError):
    """The API server serves no such kind."""


@dataclass(frozen=True, slots=True)
class Resource:
    """How one kind is addressed."""

    group: str
    version: str
    kind: str
    plural: str
    is_namespaced: bool
    names: frozenset[str]

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """Return the request path; without a namespace, the collection over all namespaces."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        middle = f"/namespaces/{namespace}" if self.is_namespaced and namespace else ""
        tail = "".join(f"/{part}" for part in (name, subresource) if part)
        return f"{root}{middle}/{self.plural}{tail}"


class Objects:
    """The objects that one identity may see and change."""

    def __init__(self, client: clients.Client) -> None:
        """Speak through this client."""
        self.client = client
        self._resource_by_name: dict[str, Resource] = {}

    def apply(
        self,
        source: Source,
        *,
        namespace: str = "default",
        subresource: str | None = None,
        manager: str = FIELD_MANAGER,
    ) -> list[Object]:
        """Apply objects, YAML text, a file or a folder of ``*.yaml`` (server-side, forced); return what was stored.

        Order is kept between kinds; objects of one kind that follow each other are sent eight at a time. After
        CustomResourceDefinitions it waits until the API server serves them. ``subresource="status"`` writes status.
        """
        results: list[Object] = []

        def send(item: Object) -> Object:
            resource = self.resource(item["kind"], item["apiVersion"])
            metadata = item["metadata"]
            path = resource.path(metadata.get("namespace", namespace), metadata["name"], subresource)
            query = {"fieldManager": manager, "force": "true"}
            stored: Object = self.client.request("PATCH", path, query=query, body=item, content_type=clients.APPLY)
            return stored

        for (_, kind), group in itertools.groupby(
            documents(source), key=lambda item: (item["apiVersion"], item["kind"])
        ):
            items = list(group)
            self.resource(kind, items[0]["apiVersion"])
            results += in_parallel(send, items)
            if kind == "CustomResourceDefinition":
                self._wait_served(items)
        return results

    def create(self, item: Object, *, namespace: str = "default") -> Object:
        """Create one object (POST), ``generateName`` included, and return it."""
        resource = self.resource(item["kind"], item["apiVersion"])
        path = resource.path(item["metadata"].get("namespace", namespace))
        stored: Object = self.client.request("POST", path, query={"fieldManager": FIELD_MANAGER}, body=item)
        return stored

    def patch(
        self, kind: str, name: str, change: Any, *, namespace: str = "default", subresource: str | None = None
    ) -> Object:
        """Patch one object: a mapping is a JSON merge patch, a list is a JSON patch. Returns the object."""
        content_type = clients.JSON_PATCH if isinstance(change, list) else clients.MERGE_PATCH
        path = self.resource(kind).path(namespace, name, subresource)
        stored: Object = self.client.request(
            "PATCH", path, query={"fieldManager": FIELD_MANAGER}, body=change, content_type=content_type
        )
        return stored

    @overload
    def get(self, kind: str, name: str, namespace: str | None = None) -> Object: ...

    @overload
    def get(
        self, kind: str, name: None = None, namespace: str | None = None, selector: str | None = None
    ) -> list[Object]: ...

    def get(
        self, kind: str, name: str | None = None, namespace: str | None = None, selector: str | None = None
    ) -> Object | list[Object]:
        """Return the named object (namespace ``default`` unless said), or the list of a kind.

        A list covers all namespaces unless one is said; ``selector`` is a label selector. RefusedError with code 404
        when the named object is not there.
        """
        resource = self.resource(kind)
        if name is not None:
            found: Object = self.client.request("GET", resource.path(namespace or "default", name))
            return found
        query = {"labelSelector": selector} if selector else {}
        answer = self.client.request("GET", resource.path(namespace), query=query)
        kind_fields = {"apiVersion": answer["apiVersion"], "kind": resource.kind}
        return [{**kind_fields, **item} for item in answer["items"]]

    def find(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """Return the named object, or None when it is not there."""
        try:
            return self.get(kind, name, namespace)
        except clients.RefusedError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return None
            raise

    def delete(
        self, kind: str, name: str | None = None, namespace: str | None = None, *, selector: str | None = None
    ) -> None:
        """Delete the named object, or every object of the kind that the selector chooses. Absence is success."""
        resource = self.resource(kind)
        names = (
            [(namespace or "default", name)]
            if name is not None
            else [
                (item["metadata"].get("namespace"), item["metadata"]["name"])
                for item in self.get(kind, None, namespace, selector)
            ]
        )

        def remove(key: tuple[str | None, str]) -> None:
            try:
                self.client.request("DELETE", resource.path(*key), body={"propagationPolicy": "Background"})
            except clients.RefusedError as error:
                if error.code != HTTPStatus.NOT_FOUND:
                    raise

        in_parallel(remove, names)

    def resource(self, kind: str, api_version: str | None = None) -> Resource:
        """Find a kind by kind, plural, singular or short name, with ``.group`` where it is ambiguous.

        UnknownKindError when the API server serves no such kind.
        """
        key = f"{api_version}/{kind}" if api_version else kind.lower()
        if key not in self._resource_by_name:
            self._discover()
        if key not in self._resource_by_name:
            raise UnknownKindError(f"wanted kind {key}, found none such at the API server; apply its CRD first")
        return self._resource_by_name[key]

    def _discover(self) -> None:
        self._resource_by_name = {}
        for root in ("/api", "/apis"):
            answer = self.client.request("GET", root, headers={"Accept": DISCOVERY})
            for group in answer["items"]:
                for version in group["versions"]:
                    for entry in version.get("resources", []):
                        self._index(group["metadata"].get("name", ""), version["version"], entry)

    def _index(self, group: str, version: str, entry: Mapping[str, Any]) -> None:
        kind = entry["responseKind"]["kind"]
        plain = {kind.lower(), entry["resource"], *entry.get("shortNames", [])} | {entry.get("singularResource") or ""}
        resource = Resource(group, version, kind, entry["resource"], entry["scope"] == "Namespaced", frozenset(plain))
        self._resource_by_name.setdefault(f"{group}/{version}/{kind}" if group else f"{version}/{kind}", resource)
        for name in plain:
            self._resource_by_name.setdefault(name, resource)
            self._resource_by_name.setdefault(f"{name}.{group}", resource)

    def _wait_served(self, definitions: Iterable[Object]) -> None:
        for definition in definitions:
            name = definition["metadata"]["name"]

            def is_served(name: str = name) -> bool:
                if not has_condition(self.get("customresourcedefinitions", name), "Established"):
                    return False
                self._discover()
                return name in self._resource_by_name

            waiting.wait(f"the API server serves {name}", is_served, timeout_seconds=20.0)


def documents(source: Source) -> list[Object]:
    """Return the objects of a mapping, a list, YAML text, a file, or a folder of ``*.yaml``; Lists are unfolded."""
    if isinstance(source, Path):
        files = sorted(source.glob("*.yaml")) if source.is_dir() else [source]
        return [item for file in files for item in documents(file.read_text())]
    if isinstance(source, str):
        return documents([item for item in yaml.safe_load_all(source) if item])
    if isinstance(source, dict):
        return documents(source["items"]) if source["kind"] == "List" else [source]
    return [item for entry in source for item in (documents(entry) if entry["kind"] == "List" else [entry])]


def in_parallel(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Call the function for each item, a few at a time, and return the results in order."""
    if len(items) <= 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(max_workers=PARALLEL_REQUESTS) as pool:
        return list(pool.map(function, items))


def has_condition(item: Object, name: str, status: str = "True") -> bool:
    """Whether the object's status has the condition in the given state."""
    conditions = item.get("status", {}).get("conditions") or []  # a new CRD's are null
    return any(condition["type"] == name and condition["status"] == status for condition in conditions)
