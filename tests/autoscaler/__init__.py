"""Tests of the autoscaler: pure, on values, with time as an argument."""
