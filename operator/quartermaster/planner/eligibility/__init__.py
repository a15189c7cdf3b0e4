"""Every workload judged on every pool: candidates, and why the others are refused. The rules themselves are ``rules``.

The door is ``eligible``; ``candidates`` is one for those who want no more than lists.
"""
