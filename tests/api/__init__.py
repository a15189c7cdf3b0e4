"""Tests of the API: its schema, its rules offline and on the API server, its examples."""
