"""The door to numba: functions over arrays that are turned into machine code. Nothing else imports numba.

What is compiled is kept on disk, in the folder that ``NUMBA_CACHE_DIR`` names, beside the source, or in the user's cache:
in the first of these that can be written to, or that has it already. So a process compiles once per version, an image
may bring its machine code along, and where nothing can be written each process compiles for itself. Numba itself asks
only whether the file of a function has changed; what that function calls, or the numbers that it imports, are part of
its machine code too, so here all of them are part of its name on disk.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from inspect import getfile
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba.core import caching
from numba.core.dispatcher import Dispatcher

Function = TypeVar("Function", bound=Callable[..., object])
_LEAN = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
"""No exceptions for a division by zero, and no way in for code in C."""
_INNER = _LEAN | {"no_cpython_wrapper": True, "_nrt": False}
"""No way in from Python, and no counting of references to arrays: whoever calls has them, and none are made."""


def compiled(function: Function) -> Function:
    """Return the function as machine code; it may only use what numba knows, and says so at its first call."""
    return cast("Function", _kept(numba.njit(**_LEAN, _nrt=True)(function)))


def inner(function: Function) -> Function:
    """Return the function as machine code that only machine code calls; it makes no arrays, but may take parts of some.

    That is compiled in a fraction of the time.
    """
    return cast("Function", _kept(numba.njit(**_INNER)(function)))


def inlined(function: Function) -> Function:
    """Return the function so that it becomes part of each that calls it: small ones, to which much is handed."""
    return cast("Function", numba.njit(**_INNER, inline="always")(function))


def _kept(function: Dispatcher) -> Dispatcher:
    """Let machine code be kept where there is a place for it."""
    with suppress(RuntimeError, OSError):
        function._cache = _Cache(function.py_func)  # noqa: SLF001  # as its enable_caching does, with our names on disk
    return function


@cache
def _stamp_of(function: Callable[..., object]) -> str:
    """Return a digest of a function's file, of the numbers it knows, and of what it may call in other files."""
    known = function.__globals__
    digest = sha256(_source(getfile(function)))
    for name in sorted(known):
        value = known[name]
        if isinstance(value, int | float | np.generic):
            digest.update(f"{name}={value!r};".encode())
        elif isinstance(value, Dispatcher) and value.py_func.__globals__ is not known:
            digest.update(f"{name}={_stamp_of(value.py_func)};".encode())
    return digest.hexdigest()


@cache
def _source(path: str) -> bytes:
    return Path(path).read_bytes()


class _Stamped:
    """A folder for machine code, in which names carry the stamp."""

    def __init__(self, function: Callable[..., object], path: str) -> None:
        super().__init__(function, path)
        self._stamp = _stamp_of(function)

    def get_source_stamp(self) -> str:
        return self._stamp

    def get_disambiguator(self) -> str:
        return f"{super().get_disambiguator()}-{self._stamp[:16]}"

    def ensure_cache_path(self) -> None:
        """Raise an OSError where the folder is of no use: it cannot be written to, and does not have the code."""
        if not any(Path(self.get_cache_path()).glob(f"*-{self.get_disambiguator()}.*.nbi")):
            super().ensure_cache_path()


class _Named(_Stamped, caching.UserProvidedCacheLocator):
    pass


class _Beside(_Stamped, caching.InTreeCacheLocator):
    pass


class _OfUser(_Stamped, caching.UserWideCacheLocator):
    pass


class _Places(caching.CompileResultCacheImpl):
    _locator_classes = (_Named, _Beside, _OfUser)


class _Cache(caching.FunctionCache):
    """Machine code on disk; whatever goes wrong there, there is code in memory."""

    _impl_class = _Places

    def load_overload(self, signature: Any, context: Any) -> Any:
        with suppress(OSError):
            return super().load_overload(signature, context)
        return None

    def save_overload(self, signature: Any, code: Any) -> None:
        with suppress(OSError):
            super().save_overload(signature, code)
