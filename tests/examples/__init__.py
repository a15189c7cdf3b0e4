"""Tests of the quick start."""
