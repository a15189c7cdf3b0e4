"""Which AcceleratorPool selects a node, and whose nodes a set of labels finds. Looked up, not searched for.

With two hundred pools and two thousand nodes, asking every pool about every node takes longer than all the rest of a
look at the world.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Generic, TypeVar

from quartermaster.api.v1alpha1 import AcceleratorPool
from quartermaster.reconcile.observed import NodeSeen

G = TypeVar("G")
Entry = tuple[str, str]
"""A label and its value."""


class Owners:
    """The AcceleratorPools in the order of their names, by the entry of their selector that fewest share."""

    def __init__(self, declared: Sequence[AcceleratorPool]) -> None:
        """Pools without a selector select nothing."""
        shared = Counter(entry for pool in declared for entry in pool.spec.node_selector.items())
        self._by_entry: dict[Entry, list[tuple[int, AcceleratorPool]]] = defaultdict(list)
        for number, pool in enumerate(declared):
            if pool.spec.node_selector:
                rarest = min(pool.spec.node_selector.items(), key=lambda entry: (shared[entry], entry))
                self._by_entry[rarest].append((number, pool))

    def of(self, node: NodeSeen) -> AcceleratorPool | None:
        """Return the first pool by name that selects the node."""
        labels = node.labels.items()
        selecting = [
            (number, pool)
            for entry in labels
            for number, pool in self._by_entry.get(entry, ())
            if pool.spec.node_selector.items() <= labels
        ]
        return min(selecting, key=lambda found: found[0])[1] if selecting else None


class Found(Generic[G]):
    """Whose nodes carry which labels: nodes of AcceleratorPools only."""

    def __init__(self, members: Iterable[tuple[G, Sequence[NodeSeen]]], *, declared_of: Callable[[G], str]) -> None:
        """``declared_of`` names the AcceleratorPool of a group; empty for one that was discovered."""
        self._nodes_by_name: dict[str, list[NodeSeen]] = defaultdict(list)
        for group, nodes in members:
            if declared_of(group):
                self._nodes_by_name[declared_of(group)] += nodes
        self._names_by_entry: dict[Entry, set[str]] = defaultdict(set)
        for name, nodes in self._nodes_by_name.items():
            for entry in {entry for node in nodes for entry in node.labels.items()}:
                self._names_by_entry[entry].add(name)

    def by(self, pins: Collection[Entry], absent: Collection[str]) -> set[str]:
        """Return the AcceleratorPools of which some node carries every pin and none of the absent labels."""
        names = set(self._nodes_by_name)
        for entry in pins:
            names &= self._names_by_entry.get(entry, set())
        wanted, forbidden = set(pins), set(absent)
        return {
            name
            for name in names
            if any(
                wanted <= node.labels.items() and not forbidden & node.labels.keys()
                for node in self._nodes_by_name[name]
            )
        }
