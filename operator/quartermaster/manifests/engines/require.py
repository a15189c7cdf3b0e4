"""What engines refuse in common, with the words for it."""

from quartermaster.manifests.errors import ManifestError
from quartermaster.manifests.replica import Replica
from quartermaster.manifests.weights import Scheme, Weights


def refuse_object_store(replica: Replica, weights: Weights) -> None:
    """Refuse weights in a bucket for an engine that cannot stream them.

    Raises:
        ManifestError: the weights lie in a bucket.
    """
    if weights.is_object_store:
        raise ManifestError(
            "SourceNotSupported",
            f"wanted weights that {replica.shape.engine.value} can load, found {weights.argument}: use hf://, oci:// or"
            " pvc://, or an engine that streams from buckets (VLLM, SGLang)",
        )


def require_repository(replica: Replica, weights: Weights) -> None:
    """Refuse everything but a repository for an engine that loads from nowhere else.

    Raises:
        ManifestError: the weights lie elsewhere.
    """
    if weights.scheme is not Scheme.HUGGING_FACE:
        raise ManifestError(
            "SourceNotSupported",
            f"wanted a repository for {replica.shape.engine.value}, found {weights.scheme.value}:// weights: use hf://"
            " or another engine",
        )
