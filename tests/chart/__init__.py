"""Tests of the chart: rendered by both Helms, installed for real, its rights counted one by one."""
