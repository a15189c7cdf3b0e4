"""The door to numba: functions over arrays that are turned into machine code. Nothing else imports numba.

What is compiled is kept on disk beside the source, or in the user's cache, so that a process compiles once per version.
"""

from collections.abc import Callable
from typing import TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Return the function as machine code; it may only use what numba knows, and says so at its first call."""
    try:
        return cast(
            "Function", numba.njit(cache=True, nogil=True, no_cfunc_wrapper=True, error_model="numpy", _nrt=False)(function)
        )
    except RuntimeError:
        # Neither place can be written to: compile again in every process.
        return cast("Function", numba.njit(nogil=True)(function))


def inlined(function: Function) -> Function:
    """Return the function so that it becomes part of each that calls it: small ones, to which much is handed."""
    return cast(
        "Function",
        numba.njit(inline="always", error_model="numpy", _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function),
    )


def inner(function: Function) -> Function:
    return cast(
        "Function",
        numba.njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, error_model="numpy", _nrt=False)(
            function
        ),
    )
