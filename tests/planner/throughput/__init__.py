"""Tests of throughput: directions, orders of magnitude, and the errors that are promised."""
