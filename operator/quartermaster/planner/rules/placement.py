"""Rules on where and on what the deployment asked to run, and on what a pool is. No law, no memory, no speed."""

from collections.abc import Callable, Collection, Hashable
from datetime import date

from quartermaster.api.v1alpha1.constraints import AcceleratorSet
from quartermaster.catalog.accelerator import Accelerator
from quartermaster.catalog.vocabulary import AcceleratorStatus
from quartermaster.planner.fleet import Pool, Workload
from quartermaster.planner.rules.rule import Finding, PoolRule, listed
from quartermaster.planner.throughput.memory import served_context_tokens


def catalog(workload: Workload, pool: Pool, today: date) -> Finding | None:
    """The chips are known and can be had."""
    del workload, today
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


def external_model(workload: Workload, pool: Pool, today: date) -> Finding | None:
    """The hosted service serves the model."""
    del today
    if pool.external is None or workload.model.name in pool.external.models:
        return None
    return Finding(
        "ModelNotServed",
        f"wanted {workload.model.name}; external pool {pool.name} serves {listed(pool.external.models)}",
        f"add {workload.model.name} to external.models of AcceleratorPool {pool.name} if the service has it",
    )


def accelerators(workload: Workload, pool: Pool, today: date) -> Finding | None:
    """The accelerator is allowed and not denied."""
    del today
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


def _one_of(
    name: str,
    reason: str,
    *,
    asks: Callable[[Workload], Collection[str]],
    offers: Callable[[Pool], str],
    words: tuple[str, str, str, str],
) -> PoolRule:
    """Return the rule that a pool offers one of the values asked for.

    Args:
        name: the rule's.
        reason: CamelCase.
        asks: the values; any will do where there are none.
        offers: the pool's value; empty where it is not known.
        words: what is wanted, the field that asks, what is found, and its name.
    """
    wanted_words, field, found_words, noun = words

    def check(workload: Workload, pool: Pool, today: date) -> Finding | None:
        del today
        wanted, found = asks(workload), offers(pool)
        if not wanted or found in wanted:
            return None
        return Finding(
            reason,
            f"wanted {wanted_words} {listed(wanted)}; {pool.name} is {found_words} {found or 'unknown'}",
            f"allow {noun} {found} in {field}" if found else f"set {noun} on AcceleratorPool {pool.name}",
        )

    return PoolRule(name, check, lambda workload, _: tuple(asks(workload)) or None, offers)


def nodes(workload: Workload, pool: Pool, today: date) -> Finding | None:
    """The pool has something to sit in."""
    del workload, today
    if pool.external is not None or any(host.chips > 0 for host in pool.hosts):
        return None
    return Finding(
        "NoNodes",
        f"wanted a ready node with {pool.resource_name or 'chips'}; {pool.name} has none",
        f"add a node to {pool.name}, or set limits.maxNodes and nodeTemplate on its AcceleratorPool",
    )


def price(workload: Workload, pool: Pool, today: date) -> Finding | None:
    """The price is known, or the cost could not be compared."""
    del workload, today
    if pool.external is not None or pool.dollars_per_chip_hour is not None:
        return None
    return Finding(
        "PriceUnknown",
        f"wanted a price; neither AcceleratorPool {pool.name} nor the catalog states one for {pool.accelerator_name}",
        f"set dollarsPerChipHour on AcceleratorPool {pool.name}",
    )


def _mean_tokens(workload: Workload) -> float:
    return workload.demand.input_tokens + workload.demand.output_tokens


def context(workload: Workload, pool: Pool, today: date) -> Finding | None:
    """The mean request is no longer than the sequence that replicas accept."""
    del today
    if pool.external is not None:
        return None
    mean = _mean_tokens(workload)
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


def _always(workload: Workload, today: date) -> Hashable:
    del workload, today
    return True


def _asked_accelerators(workload: Workload, today: date) -> Hashable | None:
    del today
    rules = workload.spec.placement.accelerators
    asked = tuple((those.classes, those.vendors, those.names) for those in (rules.allow, rules.deny))
    return asked if any(map(any, asked)) else None


def _offered_accelerator(pool: Pool) -> Hashable:
    chip = pool.accelerator
    return None if chip is None else (chip.name, chip.accelerator_class, chip.vendor)


def _offered_chip(pool: Pool) -> Hashable:
    return (pool.external is None, None if pool.accelerator is None else pool.accelerator.status)


RULES = (
    PoolRule("catalog", catalog, _always, _offered_chip),
    PoolRule(
        "external-model",
        external_model,
        lambda workload, _: workload.model.name,
        lambda pool: None if pool.external is None else pool.external.models,
    ),
    PoolRule("accelerators", accelerators, _asked_accelerators, _offered_accelerator),
    _one_of(
        "regions",
        "RegionNotAllowed",
        asks=lambda workload: workload.spec.placement.regions.required,
        offers=lambda pool: pool.region,
        words=("a region among", "spec.placement.regions.required", "in region", "region"),
    ),
    _one_of(
        "capacity-types",
        "CapacityTypeNotAllowed",
        asks=lambda workload: workload.spec.placement.capacity_types,
        offers=lambda pool: pool.capacity_type.value,
        words=("capacity among", "spec.placement.capacityTypes", "of capacity type", "capacity type"),
    ),
    PoolRule(
        "nodes", nodes, _always, lambda pool: pool.external is not None or any(host.chips > 0 for host in pool.hosts)
    ),
    PoolRule("price", price, _always, lambda pool: pool.external is not None or pool.dollars_per_chip_hour is not None),
    PoolRule(
        "context",
        context,
        lambda workload, _: True if _mean_tokens(workload) > served_context_tokens(workload) else None,
        lambda pool: pool.external is None,
    ),
)
