"""Eligibility: every rule in the order in which it is asked. The rules themselves are beside, by subject.

Rules of compliance come first, so that a violation is never hidden behind a cheaper reason.
"""

from quartermaster.planner import rules_capacity, rules_compliance, rules_placement
from quartermaster.planner.rule import PoolRule, ShapeRule

POOL_RULES: tuple[PoolRule, ...] = rules_compliance.RULES + rules_placement.RULES
"""Judge a pool, whatever the shape."""

SHAPE_RULES: tuple[ShapeRule, ...] = rules_capacity.RULES
"""Judge one shape on a pool that no pool rule refuses; cheap ones first."""

COMPLIANCE_RULES: frozenset[str] = frozenset(rule.name for rule in rules_compliance.RULES)
"""Names of the rules whose violation makes a deployment not compliant."""
