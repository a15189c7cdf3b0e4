"""Tests of plans after a change."""
