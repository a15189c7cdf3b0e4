"""The process: kopf handlers that wake the loop, the loop, settings, start-up."""
