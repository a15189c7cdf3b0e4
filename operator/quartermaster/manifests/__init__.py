"""Placements → Kubernetes objects: one function per object, one file per engine. Pure."""
