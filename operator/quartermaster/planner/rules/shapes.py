"""The shapes that are tried on a pool: the explicit ones of the spec, or those that are found. No verdict on any."""

from collections.abc import Collection

from quartermaster.api.v1alpha1.enums import EngineChoice, EngineName, Precision
from quartermaster.api.v1alpha1.workload import ShapeSpec
from quartermaster.catalog.accelerator import Accelerator
from quartermaster.catalog.model import Model
from quartermaster.planner.fleet import Pool, Shape, Workload
from quartermaster.planner.throughput.efficiency import is_measured
from quartermaster.planner.throughput.fit import ProfileKey

FOUND_SHAPES = 3
"""Most shapes found per pool: the smallest that fits, and twice and four times its chips."""
EXTERNAL_SHAPE_NAME = "external"


def precision_of(workload: Workload) -> Precision:
    """Return the number format asked for, or the one in which the weights are published."""
    return workload.spec.model.precision or workload.model.native_precision


def external_shape(workload: Workload) -> Shape:
    """Return the shape that stands for a hosted service: it holds no chips."""
    return Shape(EngineName.VLLM, precision_of(workload), 0, 0, name=EXTERNAL_SHAPE_NAME)


def engine_for(workload: Workload, accelerator: Accelerator, profiles: Collection[ProfileKey]) -> EngineName | None:
    """Return the engine that would serve on the chip; None when none that is allowed runs there.

    Auto takes an engine that a profile states for this model on this chip, then one whose speed was fitted, then the
    catalog's order.
    """
    choice = workload.spec.serving.engine
    if choice is not EngineChoice.AUTO:
        wanted = EngineName(choice.value)
        return wanted if wanted in accelerator.engines else None
    measured = {key[2] for key in profiles if key[:2] == (workload.model.name, accelerator.name)}
    images = {settings.name for settings in workload.spec.serving.engines}

    def rank(engine: EngineName) -> tuple[bool, bool, bool, int]:
        place = accelerator.engines.index(engine)
        return (engine not in measured, engine not in images, not is_measured(accelerator, engine), place)

    supported = [e for e in accelerator.engines if workload.model.unsupported_on(accelerator.name, e) is None]
    return min(supported or accelerator.engines, key=rank, default=None)


def shapes(
    workload: Workload,
    pool: Pool,
    accelerator: Accelerator,
    *,
    engine: EngineName | None,
    running: frozenset[str] = frozenset(),
) -> tuple[Shape, ...]:
    """Return the shapes to try on the pool in order of preference, judged by nobody yet.

    ``running`` are the keys of shapes that run there: those of another engine are tried, too.
    """
    explicit = workload.spec.serving.shapes
    if explicit:
        return tuple(
            shape for spec in explicit if (shape := _explicit(workload, spec, accelerator, engine=engine)) is not None
        )
    if engine is None:
        return ()
    sizes = _sizes(pool)
    found = [Shape(engine, precision_of(workload), chips) for chips in sizes]
    if running and workload.spec.serving.engine is EngineChoice.AUTO:
        others = (e for e in accelerator.engines if e is not engine)
        also = (Shape(e, precision_of(workload), chips) for e in others for chips in sizes)
        found += [shape for shape in also if shape.key in running]
    return tuple(found)


def running_keys_by_pool(workload: Workload) -> dict[str, frozenset[str]]:
    """Return the shapes that run: they are always tried, or what runs would have to move for no gain."""
    found: dict[str, set[str]] = {}
    for row in workload.running:
        if row.replicas > 0:
            found.setdefault(row.pool, set()).add(row.shape_key)
    return {pool: frozenset(keys) for pool, keys in found.items()}


def _explicit(
    workload: Workload, spec: ShapeSpec, accelerator: Accelerator, *, engine: EngineName | None
) -> Shape | None:
    if spec.accelerator is not None and spec.accelerator != accelerator.name:
        return None
    chosen = spec.engine or engine
    if chosen is None:
        return None
    return Shape(
        engine=chosen,
        precision=spec.precision or precision_of(workload),
        tensor_parallelism=spec.tensor_parallelism,
        pipeline_parallelism=spec.pipeline_parallelism,
        data_parallelism=spec.data_parallelism,
        expert_parallelism=spec.expert_parallelism,
        name=spec.name,
        args=spec.args,
    )


def _sizes(pool: Pool) -> list[int]:
    """Return chips per replica: powers of two up to the largest host; the whole of a host that is taken whole."""
    whole = sorted({host.chips for host in pool.hosts if host.is_whole})
    if whole:
        return whole
    largest = max((host.chips for host in pool.hosts), default=0)
    return [2**power for power in range(largest.bit_length()) if 2**power <= largest]


def is_divisible(model: Model, tensor_parallelism: int) -> bool:
    """Whether attention heads can be split evenly, as engines demand; true where the heads are not known."""
    if model.query_heads is not None and model.query_heads % tensor_parallelism:
        return False
    if model.kv_heads is None or model.mla is not None:
        return True
    return model.kv_heads % tensor_parallelism == 0 or tensor_parallelism % model.kv_heads == 0
