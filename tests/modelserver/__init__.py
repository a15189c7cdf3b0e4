"""Tests of the doubles of model servers and of the load generator: pure parts exactly, the rest over real sockets."""
