"""The quick start: the whole loop on one machine, told step by step. ``run`` is the door.

In here may live what a person is shown and in which order. Clusters, fleets, model servers and load come from
``tests.lab``; plans, statuses and decisions from the product itself. Nothing is imitated.
"""
