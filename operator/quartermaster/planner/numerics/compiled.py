"""The door to numba: functions over arrays that are turned into machine code. Only ``kept`` knows it too."""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, cast

import numba
from numba.core import config

from quartermaster.planner.numerics.kept import Kept

Function = TypeVar("Function", bound=Callable[..., object])
if "NUMBA_OPT" not in os.environ:
    # Above the first level, code is compiled longer and, for loops such as these, runs no faster.
    _config: Any = config
    _config.OPT = type(_config.OPT)(1)
# Its stubs lack what it calls private: a way in from C or from Python, and the counting of references to arrays.
_njit: Any = numba.njit
_LEAN = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True, "_nrt": False}
_INNER = _LEAN | {"no_cpython_wrapper": True}


def compiled(function: Function) -> Function:
    """Return the function as machine code; it may only use what numba knows, and says so at its first call.

    It makes no arrays, so none is counted: that is compiled, and runs, in less time. It may take parts of some.
    """
    return _on_disk(_njit(**_LEAN)(function), function)


def inner(function: Function) -> Function:
    """Return the function as machine code that only machine code calls, without a way in from Python."""
    return _on_disk(_njit(**_INNER)(function), function)


def inlined(function: Function) -> Function:
    """Return the function so that it becomes part of each that calls it: small ones, to which much is handed."""
    return cast("Function", _njit(**_INNER, inline="always")(function))


def _on_disk(dispatcher: Any, function: Function) -> Function:
    """Keep machine code where there is a place for it; otherwise every process compiles for itself."""
    with suppress(RuntimeError, OSError):
        dispatcher._cache = Kept(function)  # noqa: SLF001  # what its own enable_caching does, but for names on disk
    return cast("Function", dispatcher)
