"""The fit of the throughput model to public measurements: programs that write the table that ships, and judge it."""
