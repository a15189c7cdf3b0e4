"""Eligibility: every rule in the order in which it is asked. The rules themselves are beside, by subject.

Rules of compliance come first, so that a violation is never hidden behind a cheaper reason.
"""

from quartermaster.planner.rules import capacity, compliance, placement
from quartermaster.planner.rules.rule import PoolRule, ShapeRule

POOL_RULES: tuple[PoolRule, ...] = compliance.RULES + placement.RULES
"""Judge a pool, whatever the shape."""

SHAPE_RULES: tuple[ShapeRule, ...] = capacity.RULES
"""Judge one shape on a pool that no pool rule refuses; cheap ones first."""

COMPLIANCE_RULES: frozenset[str] = frozenset(rule.name for rule in compliance.RULES)
"""Names of the rules whose violation makes a deployment not compliant."""
