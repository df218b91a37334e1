"""How the engine's functions are compiled.

Fast-math stays off and divisions are plain IEEE ones: the same seed gives the same battle, bit for
bit, on every machine of a kind. Without numba's run-time (`_nrt=False`, as numba itself uses it)
nothing can be allocated and no array's references are counted: counting them, an atomic operation
at every mention of an array, would take most of a step's time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from numba import njit, typeof

# No parallel kernels: numba's OpenMP layer would set the thread count of the whole process, torch's
# too. Threads are marl/engine/compiled/workers.py's.
OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy", "_nrt": False}

compiled = njit(**OPTIONS)
# For what is small, or called in one place only.
inlined = njit(**OPTIONS, forceinline=True)


def bind(function: Any, *arguments: Any) -> Callable[[], Any]:
    """A call of a compiled function with these arguments, compiled now.

    It leaves out what numba does at every call: looking which of its versions fits the arguments.
    """
    kinds = tuple(typeof(argument) for argument in arguments)
    function.compile(kinds)
    return partial(function.get_overload(kinds), *arguments)
