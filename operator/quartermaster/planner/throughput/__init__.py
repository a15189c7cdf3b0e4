"""What one replica of a model does on chips: formulas and fitted factors. No rules, no choice among candidates.

The door is ``fit``: a timing, and the ``queueing`` of an open stream. The timing is a profile's (``profiles``), or the
datasheet's (``roofline``: the ``work`` of a step times ``efficiency``), as ``calibration`` corrects it by what was
measured. What fits into a chip is ``memory``; a closed loop is ``steady``; all of it for people is ``estimate``.
"""
