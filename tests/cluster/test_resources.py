"""Paths and kinds of what is read and written."""

import pytest

from quartermaster.cluster import resources


def test_a_namespaced_object_has_its_namespace_in_its_path() -> None:
    """Groups other than the core live under `/apis`."""
    assert resources.DEPLOYMENTS.path("prod", "llama") == "/apis/apps/v1/namespaces/prod/deployments/llama"
    assert resources.PODS.path("prod", "llama-0") == "/api/v1/namespaces/prod/pods/llama-0"


def test_a_collection_spans_all_namespaces_unless_one_is_named() -> None:
    """Informers watch the whole cluster with one request."""
    assert resources.PODS.path() == "/api/v1/pods"
    assert resources.PODS.path("prod") == "/api/v1/namespaces/prod/pods"
    assert resources.NODES.path("prod") == "/api/v1/nodes"


def test_a_subresource_follows_the_name() -> None:
    """Status has a path of its own."""
    path = resources.INFERENCE_DEPLOYMENTS.path("prod", "llama", subresource="status")
    assert path == "/apis/quartermaster.dev/v1alpha1/namespaces/prod/inferencedeployments/llama/status"


def test_a_name_cannot_break_out_of_its_path() -> None:
    """A name comes from the outside world, also where the API server would refuse it."""
    assert resources.PODS.path("prod", "../../secrets") == "/api/v1/namespaces/prod/pods/..%2F..%2Fsecrets"


def test_a_namespaced_object_without_its_namespace_is_refused() -> None:
    """It would otherwise address an object in no namespace, which answers with a bewildering 404."""
    with pytest.raises(ValueError, match="wanted its namespace"):
        resources.PODS.path(None, "llama-0")


def test_an_unknown_kind_is_refused_with_those_that_are_known() -> None:
    """The error says what was found and what there is."""
    with pytest.raises(LookupError, match=r"found example.org/v1 Thing; known are .*apps/v1 Deployment"):
        resources.of({"apiVersion": "example.org/v1", "kind": "Thing"})


@pytest.mark.parametrize("resource", resources.ALL, ids=lambda resource: resource.label)
def test_every_kind_is_found_by_its_type(resource: resources.Resource) -> None:
    """What we write finds its path by `apiVersion` and `kind`."""
    assert resources.of({"apiVersion": resource.api_version, "kind": resource.kind}) is resource
