"""Observed → decide → Outcome, and status judged from what was seen. Pure."""
