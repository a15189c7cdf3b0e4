"""What engines refuse in common, with the words for it."""

from quartermaster.api.v1alpha1.enums import Precision
from quartermaster.api.v1alpha1.workload import EXPERT_ENGINES
from quartermaster.manifests.errors import ManifestError
from quartermaster.manifests.replica import Replica
from quartermaster.manifests.weights import Scheme, Weights


def refuse_expert_parallelism(replica: Replica) -> None:
    """Refuse data-parallel attention and expert parallelism for an engine that is not started with them.

    Raises:
        ManifestError: the shape has one of them.
    """
    shape = replica.shape
    if shape.data_parallelism > 1 or shape.expert_parallelism > 1:
        raise ManifestError(
            "ShapeNotSupported",
            f"wanted tensor and pipeline parallelism alone for {shape.engine.value}, found dataParallelism"
            f" {shape.data_parallelism} and expertParallelism {shape.expert_parallelism}: leave them out, or use an"
            f" engine that has them ({', '.join(engine.value for engine in EXPERT_ENGINES)})",
        )


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


def converts_weights(replica: Replica, weights: Weights, *, into: frozenset[Precision] = frozenset()) -> bool:
    """Tell whether the engine must change the format of the weights while it loads them.

    Weights of a source that the spec names are taken as they are: their own configuration states the format. ``into``
    are the formats that the engine makes of a 16-bit checkpoint by itself.

    Raises:
        ManifestError: the catalog's repository holds another format, and the engine cannot make the wanted one of it.
    """
    model, wanted = replica.workload.model, replica.shape.precision
    if not weights.is_default or wanted is model.native_precision:
        return False
    if model.native_precision is Precision.BF16 and wanted in into:
        return True
    raise ManifestError(
        "NoCheckpoint",
        f"wanted {model.name} in {wanted.value}, found {weights.argument} in {model.native_precision.value}, which"
        f" {replica.shape.engine.value} does not convert: set spec.model.source to a checkpoint in {wanted.value}",
    )


def refuse_conversion(replica: Replica, weights: Weights) -> None:
    """Refuse weights in another format than wanted, for an engine that converts none.

    Raises:
        ManifestError: the catalog's repository holds another format.
    """
    converts_weights(replica, weights)
