"""Rules on where and on what the deployment asked to run, and on what a pool is. No law, no memory, no speed."""

from quartermaster.api.v1alpha1.constraints import AcceleratorSet
from quartermaster.catalog.accelerator import Accelerator
from quartermaster.catalog.vocabulary import AcceleratorStatus
from quartermaster.planner.fleet import Fleet, Pool, Workload
from quartermaster.planner.memory import served_context_tokens
from quartermaster.planner.rule import Finding, PoolRule, listed


def catalog(workload: Workload, pool: Pool, fleet: Fleet) -> Finding | None:
    """The chips are known and can be had."""
    del workload, fleet
    if pool.external is not None:
        return None
    if pool.accelerator is None:
        return Finding(
            "AcceleratorUnknown",
            f"wanted a pool whose accelerator is known; that of {pool.name} is not in the catalog",
            f"set accelerator on AcceleratorPool {pool.name}",
        )
    if pool.accelerator.status is not AcceleratorStatus.GA:
        return Finding(
            "AcceleratorNotAvailable",
            f"wanted a chip that can be had; {pool.accelerator.name} is {pool.accelerator.status.value} (catalog)",
            "use a pool of a chip that is generally available",
        )
    return None


def external_model(workload: Workload, pool: Pool, fleet: Fleet) -> Finding | None:
    """The hosted service serves the model."""
    del fleet
    if pool.external is None or workload.model.name in pool.external.models:
        return None
    return Finding(
        "ModelNotServed",
        f"wanted {workload.model.name}; external pool {pool.name} serves {listed(pool.external.models)}",
        f"add {workload.model.name} to external.models of AcceleratorPool {pool.name} if the service has it",
    )


def accelerators(workload: Workload, pool: Pool, fleet: Fleet) -> Finding | None:
    """The accelerator is allowed and not denied."""
    del fleet
    rules = workload.spec.placement.accelerators
    allows, denies = _names_any(rules.allow), _names_any(rules.deny)
    if not allows and not denies:
        return None
    if pool.accelerator is None:
        return Finding(
            "AcceleratorUnknown",
            f"wanted accelerators {_describe(rules.allow if allows else rules.deny, negate=not allows)}; those behind "
            f"{pool.name} are unknown",
            f"set accelerator on AcceleratorPool {pool.name}",
        )
    name = pool.accelerator.name
    if denies and _contains(rules.deny, pool.accelerator):
        return Finding(
            "AcceleratorDenied",
            f"wanted accelerators {_describe(rules.deny, negate=True)}; {pool.name} has {name}",
            f"take what names {name} out of spec.placement.accelerators.deny",
        )
    if allows and not _contains(rules.allow, pool.accelerator):
        return Finding(
            "AcceleratorNotAllowed",
            f"wanted accelerators {_describe(rules.allow, negate=False)}; {pool.name} has {name}",
            f"allow {name} in spec.placement.accelerators.allow.names",
        )
    return None


def _names_any(those: AcceleratorSet) -> bool:
    return bool(those.classes or those.vendors or those.names)


def _contains(those: AcceleratorSet, accelerator: Accelerator) -> bool:
    vendors = {vendor.casefold() for vendor in those.vendors}
    return (
        accelerator.name in those.names
        or accelerator.accelerator_class in those.classes
        or accelerator.vendor.casefold() in vendors
    )


def _describe(those: AcceleratorSet, *, negate: bool) -> str:
    words = listed([*(c.value for c in those.classes), *those.vendors, *those.names])
    return f"other than {words}" if negate else f"among {words}"


def regions(workload: Workload, pool: Pool, fleet: Fleet) -> Finding | None:
    """The region is one of those required."""
    del fleet
    required = workload.spec.placement.regions.required
    if not required or pool.region in required:
        return None
    return Finding(
        "RegionNotAllowed",
        f"wanted a region among {listed(required)}; {pool.name} is in {pool.region or 'no known region'}",
        f"allow region {pool.region} in spec.placement.regions.required"
        if pool.region
        else f"set region on AcceleratorPool {pool.name}",
    )


def capacity_types(workload: Workload, pool: Pool, fleet: Fleet) -> Finding | None:
    """The pool is bought in a way that may be used."""
    del fleet
    wanted = workload.spec.placement.capacity_types
    if not wanted or pool.capacity_type in wanted:
        return None
    return Finding(
        "CapacityTypeNotAllowed",
        f"wanted capacity {listed(c.value for c in wanted)}; {pool.name} is {pool.capacity_type.value}",
        f"allow {pool.capacity_type.value} in spec.placement.capacityTypes",
    )


def nodes(workload: Workload, pool: Pool, fleet: Fleet) -> Finding | None:
    """The pool has something to sit in."""
    del workload, fleet
    if pool.external is not None or any(host.chips > 0 for host in pool.hosts):
        return None
    return Finding(
        "NoNodes",
        f"wanted a ready node with {pool.resource_name or 'chips'}; {pool.name} has none",
        f"add a node to {pool.name}, or set limits.maxNodes and nodeTemplate on its AcceleratorPool",
    )


def price(workload: Workload, pool: Pool, fleet: Fleet) -> Finding | None:
    """The price is known, or the cost could not be compared."""
    del workload, fleet
    if pool.external is not None or pool.dollars_per_chip_hour is not None:
        return None
    return Finding(
        "PriceUnknown",
        f"wanted a price; neither AcceleratorPool {pool.name} nor the catalog states one for {pool.accelerator_name}",
        f"set dollarsPerChipHour on AcceleratorPool {pool.name}",
    )


def context(workload: Workload, pool: Pool, fleet: Fleet) -> Finding | None:
    """The mean request is no longer than the sequence that replicas accept."""
    del fleet
    if pool.external is not None:
        return None
    mean = workload.demand.input_tokens + workload.demand.output_tokens
    served = served_context_tokens(workload)
    if mean <= served:
        return None
    return Finding(
        "ContextTooShort",
        f"wanted sequences of {mean:.0f} tokens, the mean request; {served} are served "
        f"({workload.model.name} accepts {workload.model.context_tokens})",
        f"set spec.serving.maxContextTokens to at least {mean:.0f}"
        if mean <= workload.model.context_tokens
        else "serve a model with a longer context, or shorter requests",
    )


RULES = (
    PoolRule("catalog", catalog),
    PoolRule("external-model", external_model),
    PoolRule("accelerators", accelerators),
    PoolRule("regions", regions),
    PoolRule("capacity-types", capacity_types),
    PoolRule("nodes", nodes),
    PoolRule("price", price),
    PoolRule("context", context),
)
