"""The joint problem solved: the cheapest counts of all needs under the limits that they share, with a proven bound.

The door is ``solve``. Prices and the bound: ``start``, ``primaldual``, ``master``. Whole plans: ``whole``, whose moves
are those of ``easing``, over what ``standing`` records. Integer programs of small problems: ``combine``, ``compact``.
What is true of a solution once it is there: ``proven``.
"""
