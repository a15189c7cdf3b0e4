"""Quartermaster places and scales model replicas across heterogeneous inference fleets.

The newcomer's walk: ``controller/handlers`` wakes the loop, ``controller/loop`` runs observe, decide, apply, and
``reconcile/decide`` is the decision.
"""
