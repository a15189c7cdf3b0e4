"""The door to numba: functions over arrays that are turned into machine code. Only ``kept`` knows it too."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, cast

import numba

from quartermaster.planner.kept import Kept

Function = TypeVar("Function", bound=Callable[..., object])
# Its stubs lack what it calls private: a way in from C or from Python, and the counting of references to arrays.
_njit: Any = numba.njit
_LEAN = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
_INNER = _LEAN | {"no_cpython_wrapper": True, "_nrt": False}


def compiled(function: Function) -> Function:
    """Return the function as machine code; it may only use what numba knows, and says so at its first call."""
    return _on_disk(_njit(**_LEAN, _nrt=True)(function), function)


def inner(function: Function) -> Function:
    """Return the function as machine code that only machine code calls; it makes no arrays, but may take parts of some.

    Whoever calls has the arrays, so none is counted: all of that is compiled, and runs, in less time.
    """
    return _on_disk(_njit(**_INNER)(function), function)


def inlined(function: Function) -> Function:
    """Return the function so that it becomes part of each that calls it: small ones, to which much is handed."""
    return cast("Function", _njit(**_INNER, inline="always")(function))


def _on_disk(dispatcher: Any, function: Function) -> Function:
    """Keep machine code where there is a place for it; otherwise every process compiles for itself."""
    with suppress(RuntimeError, OSError):
        dispatcher._cache = Kept(function)  # noqa: SLF001  # what its own enable_caching does, but for names on disk
    return cast("Function", dispatcher)
