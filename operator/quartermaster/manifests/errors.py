"""What a builder refuses, said so that a condition or an event can carry it. No other errors live in this room."""


class ManifestError(ValueError):
    """A placement cannot be written as Kubernetes objects.

    The message says what was wanted, what was found and what to do; ``reason`` is its CamelCase word for conditions.
    """

    def __init__(self, reason: str, message: str) -> None:
        """Keep the reason beside the message."""
        super().__init__(message)
        self.reason = reason
