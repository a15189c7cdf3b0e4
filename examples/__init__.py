"""Examples: objects to apply (``deployments``, ``pools``) and the quick start, which runs some of them."""
