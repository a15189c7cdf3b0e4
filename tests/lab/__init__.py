"""The laboratory: a real Kubernetes control plane, fleets of fake nodes, and model servers on their pods' addresses.

Tests, examples and benchmarks stand on it; the product never imports it. Everything is a local process on loopback.
"""
