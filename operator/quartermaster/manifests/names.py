"""Names of child objects: equal input, equal name. What carries the names is built by the files beside this one."""

import hashlib
import re
from typing import Final

from quartermaster.planner.fleet import Key, Place

MAX_NAME_LENGTH: Final = 63
"""A DNS label (RFC 1123, section 2.1): Services must obey it, and pod host names are cut to it."""

_HASH_LENGTH: Final = 8
_SERVICE_NAME: Final = re.compile(r"^[a-z]([-a-z0-9]*[a-z0-9])?$")
_OUTSIDE_OF_LABEL: Final = re.compile(r"[^a-z0-9]+")


def deployment_name(key: Key, place: Place) -> str:
    """Return the name of the Deployment of one placement, unique among those of the namespace."""
    return _hashed((key.name, *(part for part in place if part)))


def service_name(key: Key) -> str:
    """Return the name of the Service over all pods of an InferenceDeployment: its own name, where that is allowed.

    A Service's name starts with a letter and holds no dot (RFC 1035); another name is rewritten and made unique.
    """
    if len(key.name) <= MAX_NAME_LENGTH and _SERVICE_NAME.match(key.name):
        return key.name
    return _hashed(("qm", key.name))


def disruption_budget_name(key: Key) -> str:
    """Return the name of the PodDisruptionBudget over all pods of an InferenceDeployment."""
    return service_name(key)


def external_service_name(key: Key, pool: str) -> str:
    """Return the name of the Service that stands for one external pool in one InferenceDeployment."""
    return _hashed((service_name(key), pool, "external"))


def _hashed(parts: tuple[str, ...]) -> str:
    """Join the parts into a readable DNS label that ends in a digest of the exact parts.

    The digest keeps apart what cutting and rewriting would make equal.
    """
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_HASH_LENGTH]
    readable = _OUTSIDE_OF_LABEL.sub("-", "-".join(parts).lower())[: MAX_NAME_LENGTH - _HASH_LENGTH - 1]
    return f"{readable.strip('-')}-{digest}"
