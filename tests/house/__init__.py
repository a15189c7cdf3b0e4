"""Tests of the house itself: imports, documents, layout."""
