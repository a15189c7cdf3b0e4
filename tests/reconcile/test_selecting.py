"""Who owns a node, and whose nodes labels find: the same as by asking everybody, only quicker."""

from hypothesis import given
from hypothesis import strategies as st

from quartermaster.api.names import API_VERSION
from quartermaster.api.v1alpha1 import AcceleratorPool
from quartermaster.reconcile.observed import NodeSeen
from quartermaster.reconcile.selecting import Found, Owners
from tests.reconcile.seen import node_seen

LABELS = st.dictionaries(st.sampled_from("abc"), st.sampled_from("xy"), max_size=3)


def pool(name: str, selector: dict[str, str]) -> AcceleratorPool:
    """Return an AcceleratorPool with a selector."""
    return AcceleratorPool.model_validate(
        {
            "apiVersion": API_VERSION,
            "kind": "AcceleratorPool",
            "metadata": {"name": name},
            "spec": {"nodeSelector": selector},
        }
    )


def node(name: str, labels: dict[str, str]) -> NodeSeen:
    """Return a node with labels."""
    return node_seen({"metadata": {"name": name, "labels": labels}})


@given(st.lists(LABELS.filter(bool), max_size=5), LABELS)
def test_a_node_belongs_to_the_first_pool_by_name_that_selects_it(
    selectors: list[dict[str, str]], labels: dict[str, str]
) -> None:
    """All entries of its selector are labels of the node."""
    declared = [pool(f"pool-{number}", selector) for number, selector in enumerate(selectors)]
    wanted = next(
        (p for p in declared if p.spec.node_selector and p.spec.node_selector.items() <= labels.items()), None
    )
    assert Owners(declared).of(node("one", labels)) is wanted


@given(
    st.lists(st.tuples(st.sampled_from(("", "p", "q")), LABELS), max_size=5), LABELS, st.sets(st.sampled_from("abc"))
)
def test_labels_find_the_pools_of_which_a_node_carries_them(
    members: list[tuple[str, dict[str, str]]], pins: dict[str, str], absent: set[str]
) -> None:
    """All pins on one node, and none of the labels that must be absent."""
    nodes = [(owner, [node(f"node-{number}", labels)]) for number, (owner, labels) in enumerate(members)]
    wanted = {
        owner for owner, labels in members if owner and pins.items() <= labels.items() and not absent & labels.keys()
    }
    assert Found(nodes, declared_of=str).by(tuple(pins.items()), absent) == wanted
