"""Rules on facts of law and trust. An unknown fact never satisfies a rule; messages say where a fact came from."""

from collections.abc import Hashable
from datetime import date

from quartermaster.api.v1alpha1.acceleratorpool import PoolCertification
from quartermaster.api.v1alpha1.constraints import RequiredCertification
from quartermaster.api.v1alpha1.enums import Requirement, Support
from quartermaster.planner.fleet import Pool, Workload
from quartermaster.planner.rules.rule import Finding, PoolRule, listed


def residency(workload: Workload, pool: Pool, today: date) -> Finding | None:
    """The pool lies in one of the jurisdictions that data may be processed in."""
    del today
    wanted = workload.spec.compliance.residency
    if wanted is None:
        return None
    found = pool.facts.jurisdictions
    if not found:
        return Finding(
            "ResidencyUnknown",
            f"wanted a jurisdiction among {listed(wanted.jurisdictions)}; that of {pool.name} in region {pool.region} "
            f"is unknown ({pool.facts.jurisdictions_source})",
            f"state jurisdictions on AcceleratorPool {pool.name}",
        )
    if found.isdisjoint(wanted.jurisdictions):
        return Finding(
            "OutsideJurisdiction",
            f"wanted a jurisdiction among {listed(wanted.jurisdictions)}; {pool.name} in region {pool.region} lies in "
            f"{listed(found)} (from {pool.facts.jurisdictions_source})",
            f"allow {min(found)} in spec.compliance.residency.jurisdictions",
        )
    return None


def certifications(workload: Workload, pool: Pool, today: date) -> Finding | None:
    """The pool holds every certification, at its level, with evidence that has not expired."""
    for wanted in workload.spec.compliance.required_certifications:
        finding = _certification(wanted, pool, today)
        if finding is not None:
            return finding
    return None


def _certification(wanted: RequiredCertification, pool: Pool, today: date) -> Finding | None:
    named = f"{wanted.id} at level {wanted.level}" if wanted.level else wanted.id
    held = [c for c in pool.facts.certifications if c.id.casefold() == wanted.id.casefold()]
    if not held:
        return Finding(
            "CertificationMissing",
            f"wanted {named}; {pool.name} states {listed(c.id for c in pool.facts.certifications)}",
            f"add {wanted.id} with evidence to certifications of AcceleratorPool {pool.name}",
        )
    level = (wanted.level or "").casefold()
    fitting = [c for c in held if not level or (c.level or "").casefold() == level]
    if not fitting:
        return Finding(
            "CertificationLevel",
            f"wanted {named}; {pool.name} states {wanted.id} at level {listed(c.level or 'unknown' for c in held)}",
            f"state level {wanted.level} of {wanted.id} with evidence on AcceleratorPool {pool.name}",
        )
    latest = max(fitting, key=_last_day)
    if _last_day(latest) < today:
        return Finding(
            "CertificationExpired",
            f"wanted {named} valid on {today.isoformat()}; that of {pool.name} ended on {latest.valid_until} "
            f"(evidence: {latest.evidence})",
            f"renew {wanted.id} and its validUntil on AcceleratorPool {pool.name}",
        )
    return None


def _last_day(certification: PoolCertification) -> date:
    return date.fromisoformat(str(certification.valid_until))


def operator_control(workload: Workload, pool: Pool, today: date) -> Finding | None:
    """Nobody who is forbidden, by name or by the law that binds them, operates the pool."""
    del today
    limits = workload.spec.compliance.operators
    facts = pool.facts
    if limits.forbidden_names:
        if facts.operator is None:
            return Finding(
                "OperatorUnknown",
                f"wanted an operator other than {listed(limits.forbidden_names)}; that of {pool.name} is unknown "
                f"({facts.operator_source})",
                f"state operator on AcceleratorPool {pool.name}",
            )
        if facts.operator.casefold() in {name.casefold() for name in limits.forbidden_names}:
            return Finding(
                "OperatorForbidden",
                f"wanted an operator other than {listed(limits.forbidden_names)}; {pool.name} is operated by "
                f"{facts.operator} (from {facts.operator_source})",
                f"remove {facts.operator} from spec.compliance.operators.forbiddenNames",
            )
    if not limits.forbidden_jurisdictions:
        return None
    if not facts.operator_jurisdictions:
        return Finding(
            "OperatorJurisdictionUnknown",
            f"wanted an operator outside {listed(limits.forbidden_jurisdictions)}; whose law binds the operator of "
            f"{pool.name} is unknown ({facts.operator_source})",
            f"state operator.jurisdictions on AcceleratorPool {pool.name}",
        )
    bound = facts.operator_jurisdictions.intersection(limits.forbidden_jurisdictions)
    if bound:
        return Finding(
            "OperatorJurisdictionForbidden",
            f"wanted an operator outside {listed(limits.forbidden_jurisdictions)}; that of {pool.name} is under "
            f"{listed(bound)} (from {facts.operator_source})",
            f"remove {min(bound)} from spec.compliance.operators.forbiddenJurisdictions",
        )
    return None


def confidential_computing(workload: Workload, pool: Pool, today: date) -> Finding | None:
    """Memory is encrypted and attested, chip included: the chip can, and the pool is set up to."""
    del today
    if workload.spec.compliance.confidential_computing is not Requirement.REQUIRED:
        return None
    if pool.accelerator is not None and pool.accelerator.confidential_computing is not Support.SUPPORTED:
        known = pool.accelerator.confidential_computing
        verdict = "cannot" if known is Support.UNSUPPORTED else "is not known to"
        return Finding(
            "ChipNotConfidential",
            f"wanted confidential computing; {pool.accelerator.name} {verdict} encrypt its memory (catalog)",
            "allow accelerators with confidential computing, such as nvidia-h100-sxm, in their pools",
        )
    if pool.facts.confidential_computing is not Support.SUPPORTED:
        known = pool.facts.confidential_computing
        verdict = "is stated not to be" if known is Support.UNSUPPORTED else "is not known to be"
        return Finding(
            "PoolNotConfidential",
            f"wanted confidential computing; {pool.name} {verdict} set up for it ({pool.facts.confidential_source})",
            f"set confidentialComputing: Supported on AcceleratorPool {pool.name} once its nodes attest it",
        )
    return None


def _asked_residency(workload: Workload, today: date) -> Hashable | None:
    del today
    wanted = workload.spec.compliance.residency
    return None if wanted is None else wanted.jurisdictions


def _asked_certifications(workload: Workload, today: date) -> Hashable | None:
    wanted = workload.spec.compliance.required_certifications
    return (today, tuple((one.id, one.level) for one in wanted)) if wanted else None


def _asked_control(workload: Workload, today: date) -> Hashable | None:
    del today
    limits = workload.spec.compliance.operators
    asked = (limits.forbidden_names, limits.forbidden_jurisdictions)
    return asked if any(asked) else None


def _asked_confidence(workload: Workload, today: date) -> Hashable | None:
    del today
    return True if workload.spec.compliance.confidential_computing is Requirement.REQUIRED else None


def _offered_confidence(pool: Pool) -> Hashable:
    chip = pool.accelerator
    return (None if chip is None else chip.confidential_computing, pool.facts.confidential_computing)


RULES = (
    PoolRule("residency", residency, _asked_residency, lambda pool: pool.facts.jurisdictions),
    PoolRule("certifications", certifications, _asked_certifications, lambda pool: pool.facts.certifications),
    PoolRule(
        "operator-control",
        operator_control,
        _asked_control,
        lambda pool: (pool.facts.operator, pool.facts.operator_jurisdictions),
    ),
    PoolRule("confidential-computing", confidential_computing, _asked_confidence, _offered_confidence),
)
