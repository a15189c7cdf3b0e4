"""The planner: fleet, throughput fit, rules, solver and plan. Pure: no input or output, no clock, no logging."""
