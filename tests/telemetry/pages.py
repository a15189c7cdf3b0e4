"""Pages as engines write them, from the queue model of the doubles; no sockets."""

from quartermaster.catalog.vocabulary import MetricDialect
from tests.lab.modelserver.batchqueue import BatchQueue
from tests.lab.modelserver.engine import FACE_BY_ENGINE, Engine
from tests.lab.modelserver.exposition.reading import Reading, read
from tests.lab.modelserver.physics import ReplicaPhysics
from tests.lab.modelserver.recorder import Recorder

DIALECT_BY_FACE = {
    Engine.VLLM: MetricDialect.VLLM,
    Engine.VLLM_OLD: MetricDialect.VLLM,
    Engine.SGLANG: MetricDialect.SGLANG,
    Engine.TRTLLM: MetricDialect.TRTLLM,
    Engine.TRTLLM_OLD: MetricDialect.TRTLLM,
}


def reading_of(engine: Engine, *, requests: int = 50) -> Reading:
    """Return what a replica with a small batch reads in the middle of its work: some ended, some run, some wait."""
    queue = BatchQueue(ReplicaPhysics(max_batch=8), Recorder.with_bounds(FACE_BY_ENGINE[engine].bounds))
    for index in range(requests):
        at = 0.05 * index
        queue.advance(at)
        queue.submit(300, 100, at=at)
    queue.advance(0.05 * requests)
    return read(queue, model='a "quoted" \\ name', created_at_unix_seconds=1.7e9)


def page_of(engine: Engine, reading: Reading) -> bytes:
    """Return the page that the engine shows of a reading."""
    return FACE_BY_ENGINE[engine].text(reading).encode()
