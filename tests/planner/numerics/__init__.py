"""Tests of what compiled loops stand on."""
