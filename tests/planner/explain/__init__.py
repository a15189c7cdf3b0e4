"""Tests of what is said about plans."""
