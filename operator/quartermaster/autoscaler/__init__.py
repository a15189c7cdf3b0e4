"""Windows of load, demand, and capacity wanted. Pure: time is an argument."""
