"""The room that talks to Kubernetes, against a real API server."""
