"""How full the fleet would be: demand spread over groups of pools so that the fullest group is as empty as it can be.

A group is every pool of one region and one kind of chip and node. Multiplicative weights: every deployment goes where
the chips that it needs are cheapest, groups that fill get dearer, and the average over the rounds is the answer.
"""

from collections.abc import Sequence

import numpy as np

from tests.benchmarks.instances.deployments import Draft
from tests.benchmarks.instances.services import KindKey

ROUNDS = 120
STEP = 0.15

Group = tuple[str, KindKey]


def chips_needed(drafts: Sequence[Draft], groups: Sequence[Group], scale: float) -> np.ndarray:
    """Return the chips each deployment needs in each group alone (deployments × groups); infinite where refused."""
    needed = np.full((len(drafts), len(groups)), np.inf)
    by_kind: dict[KindKey, list[tuple[str, int]]] = {}
    for place, (region, kind) in enumerate(groups):
        by_kind.setdefault(kind, []).append((region, place))
    for row, draft in enumerate(drafts):
        wanted = scale * draft.base_requests_per_second
        allowed, types = set(draft.regions), set(draft.accelerators)
        for kind, ways in draft.service.ways_by_kind.items():
            places = [place for region, place in by_kind.get(kind, ()) if region in allowed]
            if places and kind[0] in types:
                chips = min(way.chips * -(-wanted // way.requests_per_second) for way in ways)
                needed[row, places] = max(chips, ways[0].chips)
    return needed


def balance(needed: np.ndarray, capacity: np.ndarray) -> np.ndarray:
    """Return the part of each deployment that goes to each group (deployments × groups, rows add up to 1)."""
    relative = needed / capacity
    price = np.ones(len(capacity))
    shares = np.zeros_like(needed)
    rows = np.arange(len(needed))
    total = np.zeros(len(capacity))
    for turn in range(1, ROUNDS + 1):
        chosen = np.argmin(relative * price, axis=1)
        shares[rows, chosen] += 1
        total += np.bincount(chosen, weights=relative[rows, chosen], minlength=len(capacity))
        mean = total / turn
        price = np.exp(STEP * turn**0.5 * mean / max(float(mean.max()), 1e-12))
    return shares / ROUNDS
