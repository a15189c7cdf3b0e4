"""Tests of the room ``reconcile``."""
