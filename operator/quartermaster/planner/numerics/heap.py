"""Memory that was let go, given back to the system. The C library keeps the holes that large arrays leave in its heap.

Nothing is counted or kept here.
"""

import ctypes
from contextlib import suppress


def give_back() -> None:
    """Give back what is free, as far as the C library knows how: that of GNU does."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
