"""Tests of the catalog: facts, look-ups, recognition of nodes."""
