"""Tests of the room ``controller``."""
