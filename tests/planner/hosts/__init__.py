"""Tests of plans on hosts that are partly taken."""
