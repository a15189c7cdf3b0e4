"""Tests of the laboratory itself: what every other test stands on must hold by itself."""
