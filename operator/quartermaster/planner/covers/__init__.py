"""The cheapest replicas that meet one need at given prices of the limits. No word of what needs share.

The door is ``cheapest``. Below it everything is compiled: ``search`` → ``branch`` → ``frame`` and ``tolls`` →
``bounds``, all over ``records``.
"""
