"""The rule that a placement can be written as Kubernetes objects: there is an image, the engine can load the weights.

The builders know what they cannot build, so the rule asks them, once for everything that asks alike, accelerator and
shape. A candidate that nobody could start is then never planned, and its refusal carries the builder's own words.
"""

from collections.abc import Sequence

from quartermaster.api.v1alpha1 import InferenceDeployment
from quartermaster.catalog.catalog import Catalog
from quartermaster.manifests.deployment import insist_on_buildable
from quartermaster.manifests.errors import ManifestError
from quartermaster.manifests.replica import Replica
from quartermaster.planner.fleet import Key, Shape
from quartermaster.planner.plan import Candidate, Placement, Throughput
from quartermaster.planner.rules.rule import Finding, ShapeCase, ShapeRule
from quartermaster.reconcile.workloads import key_of


def servable_rule(documents: Sequence[InferenceDeployment], catalog: Catalog) -> ShapeRule:
    """Return the rule for these deployments."""
    document_by_key = {key_of(document): document for document in documents}
    asked_by_key: dict[Key, str] = {}
    known: dict[tuple[str, str, str, Shape], Finding | None] = {}

    def check(case: ShapeCase) -> Finding | None:
        document = document_by_key.get(case.workload.key)
        if document is None or case.throughput is None:
            return None
        alike = asked_by_key.get(case.workload.key)
        if alike is None:
            spec = document.spec
            alike = asked_by_key[case.workload.key] = spec.model.model_dump_json() + spec.serving.model_dump_json()
        # What can be built does not depend on the pool, but for the resource by which it counts chips.
        asked = (alike, case.accelerator.name, case.pool.resource_name, case.shape)
        if asked not in known:
            known[asked] = _try(document, case, case.throughput, catalog)
        return known[asked]

    return ShapeRule("servable", check, about=lambda workload: document_by_key.get(workload.key))


def _try(document: InferenceDeployment, case: ShapeCase, rate: Throughput, catalog: Catalog) -> Finding | None:
    candidate = Candidate(
        workload=case.workload.key,
        pool=case.pool.name,
        cluster=case.pool.cluster,
        region=case.pool.region,
        accelerator=case.accelerator.name,
        shape=case.shape,
        throughput=rate,
        dollars_per_hour=case.dollars_per_hour,
    )
    engine = catalog.engine(case.shape.engine)
    try:
        insist_on_buildable(Replica(document, case.workload, Placement(candidate, 1), case.pool, engine))
    except ManifestError as refused:
        message, _, remedy = str(refused).rpartition(": ")
        return Finding(refused.reason, message or remedy, remedy)
    return None
