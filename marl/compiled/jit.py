"""Compilation of functions with numba.

Fast-math is off and divisions are IEEE ones: the same seed gives the same battle, bit for bit, on
all machines of one architecture. Without numba's run-time (`_nrt=False`, an option that numba uses
itself) functions can't allocate, and references to arrays are not counted: that takes an atomic
operation at every use of an array, most of a step's time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from numba import config, njit, typeof

# NUMBA_DISABLE_JIT: functions run as Python, and those of `marl/compiled` that write instructions
# do not run at all.
WITHOUT_COMPILER = bool(getattr(config, "DISABLE_JIT", 0))

# No parallel kernels: numba's OpenMP layer would set the thread count of the whole process, torch's
# too. Threads are marl/compiled/workers.py's.
OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy", "_nrt": False}

compiled = njit(**OPTIONS)
# For work long enough that Python's other threads should run beside it.
released = njit(**OPTIONS, nogil=True)
# For functions that make arrays.
allocating = njit(cache=True, error_model="numpy")
# For small functions, and those called in one place.
inlined = njit(**OPTIONS, forceinline=True)


def bind(function: Any, *arguments: Any) -> Callable[[], Any]:
    """A call of a compiled function with these arguments, compiled now.

    It skips numba's choice of a version by the arguments' types, made at every ordinary call.
    """
    kinds = tuple(typeof(argument) for argument in arguments)
    function.compile(kinds)
    return partial(function.get_overload(kinds), *arguments)
