"""Tests of the manifests: goldens that a reviewer can read, properties, and a real API server and scheduler."""
