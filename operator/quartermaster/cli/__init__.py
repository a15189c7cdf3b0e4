"""The doors for people: ``kubectl-quartermaster``."""
