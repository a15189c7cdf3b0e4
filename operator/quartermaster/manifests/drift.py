"""Whether a live object still is what we declared: the test for having something to write.

Pure comparison of two JSON objects; nothing here reads a cluster or writes an object. It follows server-side apply,
so that what it calls different, an apply repairs, and after an apply nothing is different:

- A field that we do not declare is not ours: defaults of the API server and additions of others stay, and do not count.
- Maps that server-side apply merges (labels, annotations, structs) are compared by the keys that we declare.
- Lists that it merges by key (containers, env, ports, volumes) are compared entry by entry; entries of others stay.
- Lists and maps that it replaces whole (args, tolerations, selectors, node affinity) must be equal, entry for entry.
- Quantities are compared by value: the API server writes `1024Mi` as `1Gi`.

- What we declared before and declare no more shows by the digest with which each document is `stamped` when it is
applied.

Source of what is merged and what is replaced: the `x-kubernetes-list-type`, `-list-map-keys` and `-map-type` of the
OpenAPI document of Kubernetes v1.36 for Deployment, Service and PodDisruptionBudget.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quartermaster.api.quantity import parse_quantity

DIGEST_ANNOTATION = "quartermaster.dev/declared"

# Lists merged by key, by the name of the field that holds them: the keys that make an entry the same one.
_KEYS_BY_LIST: Mapping[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "imagePullSecrets": ("name",),
    "resourceClaims": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "ownerReferences": ("uid",),
    "conditions": ("type",),
}
# Both a container and a Service have `ports`: the key is told by what an entry holds.
_PORT_KEYS_BY_MARK: Mapping[str, tuple[str, ...]] = {
    "containerPort": ("containerPort", "protocol"),
    "port": ("port", "protocol"),
}
_DEFAULT_BY_KEY: Mapping[str, str] = {"protocol": "TCP"}

_SETS = frozenset({"finalizers"})

# Maps replaced whole, by the name of the field that holds them.
_ATOMIC_MAPS = frozenset(
    {
        "selector",
        "nodeSelector",
        "labelSelector",
        "namespaceSelector",
        "requiredDuringSchedulingIgnoredDuringExecution",
        "fieldRef",
        "resourceFieldRef",
        "configMapKeyRef",
        "secretKeyRef",
    }
)

# Inside what is replaced whole, the API server still fills in these.
_FILLED_IN: Mapping[str, Any] = {"apiVersion": "v1", "divisor": "0"}

_QUANTITY_MAPS = frozenset({"limits", "requests", "capacity", "hard"})
_QUANTITY_FIELDS = frozenset({"sizeLimit", "divisor", "storage"})

# Fields whose zero the API server leaves out: declared as zero and absent is the same.
_OMITTED_ZEROS = frozenset(
    {
        "minReadySeconds",
        "paused",
        "hostNetwork",
        "hostPID",
        "hostIPC",
        "initialDelaySeconds",
        "readOnly",
        "publishNotReadyAddresses",
        "stdin",
        "stdinOnce",
        "tty",
        "value",
        "tolerationSeconds",
    }
)
# Identity and bookkeeping of the API server, which we do not declare to change.
_IGNORED_AT_ROOT = frozenset({"apiVersion", "kind", "status"})


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that is not as declared; `found` is None where it is absent."""

    path: str
    wanted: Any
    found: Any

    def __str__(self) -> str:
        """The field, what was wanted and what was found."""
        return f"{self.path}: wanted {self.wanted!r}, found {self.found!r}"


def stamped(desired: Mapping[str, Any]) -> dict[str, Any]:
    """The document as it is applied: with an annotation that holds a digest of all that it declares.

    A field that was declared once and is no more cannot be told from another's by looking at the live object. The
    digest tells: it differs, so the document is applied, and server-side apply removes what is declared no more.
    """
    metadata = desired["metadata"]
    annotations = {**(metadata.get("annotations") or {}), DIGEST_ANNOTATION: digest(desired)}
    return {**desired, "metadata": {**metadata, "annotations": annotations}}


def is_stamped(seen: Mapping[str, Any]) -> bool:
    """Whether a live object is one that was applied with a stamp."""
    return DIGEST_ANNOTATION in (seen.get("metadata", {}).get("annotations") or {})


def digest(desired: Mapping[str, Any]) -> str:
    """A short digest of all that a document declares; the order of keys does not count."""
    written = json.dumps(desired, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(written.encode()).hexdigest()[:16]


def differs(desired: Mapping[str, Any], seen: Mapping[str, Any]) -> bool:
    """Whether an apply of `desired` would change the live object `seen`."""
    return difference(desired, seen) is not None


def difference(desired: Mapping[str, Any], seen: Mapping[str, Any]) -> Difference | None:
    """The first field in which the live object is not as declared, or None: then there is nothing to write."""
    declared = {key: value for key, value in desired.items() if key not in _IGNORED_AT_ROOT}
    # The digest comes last: a field that was altered says more.
    return _compare_keys(declared, seen, "") or _compare_digests(desired, seen)


def _compare_digests(desired: Mapping[str, Any], seen: Mapping[str, Any]) -> Difference | None:
    wanted = digest(desired)
    found = (seen.get("metadata", {}).get("annotations") or {}).get(DIGEST_ANNOTATION)
    return None if wanted == found else Difference(f"metadata.annotations.{DIGEST_ANNOTATION}", wanted, found)


def _compare(wanted: Any, found: Any, path: str, field: str) -> Difference | None:
    """Compare one value, held by the field of this name."""
    if found is None:
        return None if _is_nothing(wanted, field) else Difference(path, wanted, None)
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return _compare_maps(wanted, found, path, field)
    if _is_list(wanted) and _is_list(found):
        return _compare_lists(wanted, found, path, field)
    return _compare_scalars(wanted, found, path, field)


def _compare_maps(wanted: Mapping[str, Any], found: Mapping[str, Any], path: str, field: str) -> Difference | None:
    if field in _ATOMIC_MAPS:
        return _compare_whole(wanted, found, path, field)
    if field in _QUANTITY_MAPS:
        return _compare_quantities(wanted, found, path)
    return _compare_keys(wanted, found, path)


def _compare_keys(wanted: Mapping[str, Any], found: Mapping[str, Any], path: str) -> Difference | None:
    """Compare the keys that are declared; others are not ours."""
    for key, value in wanted.items():
        different = _compare(value, found.get(key), _join(path, key), key)
        if different is not None:
            return different
    return None


def _compare_quantities(wanted: Mapping[str, Any], found: Mapping[str, Any], path: str) -> Difference | None:
    for key, value in wanted.items():
        if key not in found or not _is_same_quantity(value, found[key]):
            return Difference(_join(path, key), value, found.get(key))
    return None


def _compare_lists(wanted: Sequence[Any], found: Sequence[Any], path: str, field: str) -> Difference | None:
    if field in _SETS:
        missing = [entry for entry in wanted if entry not in found]
        return Difference(path, wanted, found) if missing else None
    # An EndpointSlice has `ports` at its root, and they are replaced whole.
    keys = _keys(wanted, field) if path != "ports" else None
    if keys is None:
        return _compare_whole(wanted, found, path, field)
    found_by_identity = {_identity(entry, keys): entry for entry in found if isinstance(entry, Mapping)}
    for entry in wanted:
        identity = _identity(entry, keys)
        entry_path = f"{path}[{','.join(str(part) for part in identity)}]"
        if identity not in found_by_identity:
            return Difference(entry_path, entry, None)
        different = _compare_keys(entry, found_by_identity[identity], entry_path)
        if different is not None:
            return different
    return None


def _compare_whole(wanted: Any, found: Any, path: str, field: str) -> Difference | None:
    """Compare what server-side apply replaces whole: nothing may be missing, and nothing may be added."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return _compare_whole_maps(wanted, found, path)
    if not (_is_list(wanted) and _is_list(found)):
        return _compare_scalars(wanted, found, path, field)
    if len(wanted) != len(found):
        return Difference(path, wanted, found)
    for index, (ours, theirs) in enumerate(zip(wanted, found, strict=True)):
        different = _compare_whole(ours, theirs, f"{path}[{index}]", field)
        if different is not None:
            return different
    return None


def _compare_whole_maps(wanted: Mapping[str, Any], found: Mapping[str, Any], path: str) -> Difference | None:
    for key, value in found.items():
        if key not in wanted and (key not in _FILLED_IN or value != _FILLED_IN[key]):
            return Difference(_join(path, key), None, value)
    for key, value in wanted.items():
        if key not in found and _is_nothing(value, key):
            continue
        different = _compare_whole(value, found.get(key), _join(path, key), key)
        if different is not None:
            return different
    return None


def _compare_scalars(wanted: Any, found: Any, path: str, field: str) -> Difference | None:
    if field in _QUANTITY_FIELDS and _is_same_quantity(wanted, found):
        return None
    # In Python True == 1, and in Kubernetes a port 80 is not a port named "80".
    is_same = isinstance(wanted, bool) == isinstance(found, bool) and wanted == found
    return None if is_same else Difference(path, wanted, found)


def _keys(entries: Sequence[Any], field: str) -> tuple[str, ...] | None:
    """The keys by which entries of a list are told apart; None for a list that is replaced whole."""
    if field == "ports":
        marks = [mark for mark in _PORT_KEYS_BY_MARK if entries and mark in entries[0]]
        return _PORT_KEYS_BY_MARK[marks[0]] if marks else None
    return _KEYS_BY_LIST.get(field)


def _identity(entry: Mapping[str, Any], keys: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(entry.get(key, _DEFAULT_BY_KEY.get(key)) for key in keys)


def _is_same_quantity(wanted: Any, found: Any) -> bool:
    try:
        return parse_quantity(wanted) == parse_quantity(found)
    except ValueError:
        return bool(wanted == found)


def _is_nothing(wanted: Any, field: str) -> bool:
    """Whether declaring this is the same as declaring nothing, so that its absence is no difference."""
    if wanted is None:
        return True
    if isinstance(wanted, Mapping):
        return all(_is_nothing(value, key) for key, value in wanted.items())
    if _is_list(wanted):
        return len(wanted) == 0
    return field in _OMITTED_ZEROS and not wanted


def _is_list(value: Any) -> bool:
    # Named types, because JSON has no other sequences and an abstract one is asked ten times as slowly.
    return isinstance(value, list | tuple)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
