"""Tests of telemetry: pages of real doubles over real sockets, our own metrics, logs."""
