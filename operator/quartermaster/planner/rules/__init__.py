"""What may be placed where: rules by subject, the ``order`` in which they are asked, and the ``shapes`` that are tried.

A further rule goes into the file of its subject. How rules are asked of thousands at once is told in ``eligibility``.
"""
