"""Tests of the rules: each refuses with message and remedy."""
