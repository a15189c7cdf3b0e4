"""The laboratory: a real control plane without containers, for tests and examples. Never imported by the product."""
