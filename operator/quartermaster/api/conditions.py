"""Condition types and the words that go with them, as kstatus, Argo CD and Flux read them."""

from typing import Final

READY: Final = "Ready"
"""True: every wanted replica serves. False: the reason says what is missing."""
PLACED: Final = "Placed"
"""True: the plan serves the whole demand. False: a shortfall, with the rule or the pool that causes it."""
COMPLIANT: Final = "Compliant"
"""True: every replica seen runs where the rules allow. False: one does not. Unknown: a fact is missing."""
SCALED: Final = "Scaled"
"""True: capacity follows fresh signals. False or Unknown: signals are missing or stale, and nothing is scaled down."""
RECONCILING: Final = "Reconciling"
"""True: work is under way. Absent work makes it False, so that kstatus reports Current."""
STALLED: Final = "Stalled"
"""True: nothing will change until somebody changes the spec, the fleet or the rules."""
