"""Machine code that is kept on disk between processes, under names that say all it is of. Nothing is compiled here.

It is kept in the folder that ``NUMBA_CACHE_DIR`` names, beside the source, or in the user's cache: the first of these
that can be written to, or that has it already, so an image may bring it along. Numba asks only whether the file of a
function has changed; what the function calls, and numbers that it imports, are part of its machine code too.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from inspect import getfile
from pathlib import Path
from typing import Any, cast

import numpy as np
from numba.core import caching, config
from numba.core.dispatcher import Dispatcher


@cache
def stamp_of(function: Callable[..., Any]) -> str:
    """Return a digest of a function's file, of the numbers it knows, and of what it may call in other files."""
    known = function.__globals__
    digest = sha256(_source(getfile(function)))
    for name in sorted(known):
        value = known[name]
        if isinstance(value, int | float | np.generic):
            digest.update(f"{name}={value!r};".encode())
        elif isinstance(value, Dispatcher) and value.py_func.__globals__ is not known:
            digest.update(f"{name}={stamp_of(value.py_func)};".encode())
    return digest.hexdigest()


@cache
def _source(path: str) -> bytes:
    return Path(path).read_bytes()


class _Beside(caching.InTreeCacheLocator):
    """The folder beside the source."""

    def __init__(self, function: Callable[..., Any], path: str) -> None:
        super().__init__(function, path)
        self._stamp = stamp_of(function)

    def get_source_stamp(self) -> str:
        return self._stamp

    def get_disambiguator(self) -> str:
        return f"{super().get_disambiguator()}-{self._stamp[:16]}"

    def ensure_cache_path(self) -> None:
        """Raise an OSError where the folder is of no use: it cannot be written to, and does not have the code."""
        if not any(Path(self.get_cache_path()).glob(f"*-{self.get_disambiguator()}.*.nbi")):
            super().ensure_cache_path()


class _Named(_Beside):
    """The folder that the environment names, where it names one."""

    def __init__(self, function: Callable[..., Any], path: str) -> None:
        super().__init__(function, path)
        self._cache_path = caching.UserProvidedCacheLocator(function, path).get_cache_path()

    @classmethod
    def from_function(cls, function: Callable[..., Any], path: str) -> "_Named | None":
        return super().from_function(function, path) if cast("Any", config).CACHE_DIR else None


class _OfUser(_Beside):
    """The user's cache."""

    def __init__(self, function: Callable[..., Any], path: str) -> None:
        super().__init__(function, path)
        self._cache_path = caching.UserWideCacheLocator(function, path).get_cache_path()


class _Places(caching.CompileResultCacheImpl):
    _locator_classes = [_Named, _Beside, _OfUser]


class Kept(caching.FunctionCache):
    """Machine code of one function; where the disk fails, there is none."""

    _impl_class = _Places

    def load_overload(self, signature: Any, context: Any) -> Any:
        """Return the machine code for a signature, or nothing."""
        with suppress(OSError):
            return super().load_overload(signature, context)
        return None

    def save_overload(self, signature: Any, code: Any) -> None:
        """Keep the machine code for a signature, if that can be."""
        with suppress(OSError):
            super().save_overload(signature, code)
