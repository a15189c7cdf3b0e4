"""How long things take and how much memory; run by hand, with their results in RESULTS.md."""
