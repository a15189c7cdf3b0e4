"""Rules of compliance: each refuses with message and remedy, and unknown facts never satisfy them."""

from quartermaster.api.v1alpha1.acceleratorpool import PoolCertification
from quartermaster.api.v1alpha1.enums import Support
from quartermaster.planner.eligibility.candidates import candidates
from quartermaster.planner.fleet import Facts, Pool, Workload
from quartermaster.planner.plan import Rejection
from tests.planner.builders import A100, H100, MI300X, fleet, pool, workload


def refusal(asked: Workload, offered: Pool) -> Rejection:
    """Return the only rejection."""
    admitted, refused = candidates(fleet(offered), [asked])
    assert not admitted
    (only,) = refused
    return only


def is_admitted(asked: Workload, offered: Pool) -> bool:
    """Whether some shape is admitted."""
    return bool(candidates(fleet(offered), [asked])[0])


def residency(*jurisdictions: str) -> Workload:
    """Return a workload bound to jurisdictions."""
    return workload(compliance={"residency": {"jurisdictions": list(jurisdictions)}})


def certified(level: str | None = None, *, until: str = "2027-01-31") -> Pool:
    """Return a pool with one certification."""
    held = PoolCertification.model_validate(
        {"id": "C5", "level": level, "evidence": "https://example.com/c5", "validUntil": until}
    )
    return pool(facts=Facts(certifications=(held,)))


def operated(name: str | None, *jurisdictions: str) -> Pool:
    """Return a pool with an operator."""
    return pool(
        facts=Facts(
            operator=name,
            operator_jurisdictions=frozenset(jurisdictions) or None,
            operator_source="AcceleratorPool pool" if name else "not stated",
        )
    )


def forbidding(**limits: list[str]) -> Workload:
    """Return a workload with limits on operators."""
    return workload(compliance={"operators": limits})


def test_a_pool_outside_the_jurisdictions_is_refused_with_where_the_fact_came_from() -> None:
    """The message names what was wanted, what was found, and the source; the remedy is one word in the spec."""
    found = refusal(residency("EU"), pool(region="us-central1"))
    assert (found.rule, found.reason) == ("residency", "OutsideJurisdiction")
    assert "wanted a jurisdiction among EU" in found.message
    assert "lies in US (from the catalog's region)" in found.message
    assert found.remedy == "allow US in spec.compliance.residency.jurisdictions"


def test_a_pool_in_one_of_the_jurisdictions_is_admitted() -> None:
    """A pool lies in its country and in what the country belongs to."""
    assert is_admitted(residency("EU"), pool(region="europe-west4"))
    assert is_admitted(residency("FR", "NL"), pool(region="europe-west4"))


def test_an_unknown_jurisdiction_never_satisfies_residency() -> None:
    """Nobody stated it, so it is refused, with where to state it."""
    for facts in (Facts(), Facts(jurisdictions=frozenset())):
        found = refusal(residency("EU"), pool(facts=facts))
        assert found.reason == "ResidencyUnknown"
        assert found.remedy == "state jurisdictions on AcceleratorPool pool"


def test_a_missing_certification_is_refused() -> None:
    """What the pool states is in the message."""
    found = refusal(workload(compliance={"requiredCertifications": [{"id": "iso-27001"}]}), certified())
    assert (found.rule, found.reason) == ("certifications", "CertificationMissing")
    assert "states C5" in found.message
    assert found.remedy == "add iso-27001 with evidence to certifications of AcceleratorPool pool"


def test_a_pool_that_states_no_certification_is_refused() -> None:
    """Nothing stated is nothing held."""
    found = refusal(workload(compliance={"requiredCertifications": [{"id": "c5"}]}), pool())
    assert found.reason == "CertificationMissing"
    assert "states none" in found.message


def test_a_certification_at_another_level_is_refused() -> None:
    """Levels are not ordered: the one asked for must be held."""
    asked = workload(compliance={"requiredCertifications": [{"id": "c5", "level": "type-2"}]})
    found = refusal(asked, certified("type-1"))
    assert found.reason == "CertificationLevel"
    assert "at level type-1" in found.message
    assert refusal(asked, certified()).reason == "CertificationLevel"
    assert is_admitted(asked, certified("Type-2"))


def test_an_expired_certification_is_refused_from_the_day_after_its_last() -> None:
    """Valid on its last day, not on the next."""
    asked = workload(compliance={"requiredCertifications": [{"id": "c5"}]})
    assert is_admitted(asked, certified(until="2026-11-21"))
    found = refusal(asked, certified(until="2026-11-20"))
    assert found.reason == "CertificationExpired"
    assert "ended on 2026-11-20 (evidence: https://example.com/c5)" in found.message
    assert found.remedy == "renew c5 and its validUntil on AcceleratorPool pool"


def test_a_forbidden_operator_is_refused_whatever_the_case() -> None:
    """Names are compared without case."""
    found = refusal(forbidding(forbiddenNames=["AWS"]), operated("aws", "US"))
    assert (found.rule, found.reason) == ("operator-control", "OperatorForbidden")
    assert "is operated by aws (from AcceleratorPool pool)" in found.message
    assert is_admitted(forbidding(forbiddenNames=["azure"]), operated("aws", "US"))


def test_an_unknown_operator_never_satisfies_a_limit() -> None:
    """Neither by name nor by jurisdiction."""
    assert refusal(forbidding(forbiddenNames=["aws"]), operated(None)).reason == "OperatorUnknown"
    found = refusal(forbidding(forbiddenJurisdictions=["US"]), operated("ours"))
    assert found.reason == "OperatorJurisdictionUnknown"
    assert found.remedy == "state operator.jurisdictions on AcceleratorPool pool"


def test_an_operator_under_a_forbidden_law_is_refused() -> None:
    """One jurisdiction among several is enough."""
    found = refusal(forbidding(forbiddenJurisdictions=["US"]), operated("gcp", "IE", "US"))
    assert found.reason == "OperatorJurisdictionForbidden"
    assert found.remedy == "remove US from spec.compliance.operators.forbiddenJurisdictions"
    assert is_admitted(forbidding(forbiddenJurisdictions=["US"]), operated("hetzner", "DE"))


def test_confidential_computing_needs_the_chip_and_the_pool() -> None:
    """Either one missing, or unknown, refuses."""
    asked = workload(compliance={"confidentialComputing": "Required"})
    ready = Facts(confidential_computing=Support.SUPPORTED)
    assert is_admitted(asked, pool(chip=H100, facts=ready))
    assert refusal(asked, pool(chip=A100, facts=ready)).reason == "ChipNotConfidential"
    assert "is not known to encrypt" in refusal(asked, pool(chip=MI300X, facts=ready)).message
    found = refusal(asked, pool(chip=H100))
    assert (found.rule, found.reason) == ("confidential-computing", "PoolNotConfidential")
    assert "not known to be set up for it (not stated)" in found.message
    assert "AcceleratorPool pool" in found.remedy


def test_a_deployment_without_compliance_runs_anywhere() -> None:
    """No rule, no fact needed."""
    assert is_admitted(workload(), pool(facts=Facts()))
