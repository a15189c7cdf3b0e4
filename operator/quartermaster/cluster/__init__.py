"""The only room that talks to Kubernetes: client, informer, apply, events, lease."""
