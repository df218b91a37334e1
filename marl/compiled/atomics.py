"""Atomic loads, stores, adds and exchanges of the words that threads share."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

ORDER = "seq_cst"
WORD_BYTES = 8


def _word(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """The address of word args[1] of the int64 array args[0]."""
    array_type = signature.args[0]
    array = context.make_array(array_type)(context, builder, args[0])
    return cgutils.get_item_pointer(context, builder, array_type, array, [args[1]])


def _load(typing_context: Any, words: Any, at: Any) -> Any:
    """words[at]. words: int64 [*]."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _word(context, builder, signature, args)
        return builder.load_atomic(pointer, ORDER, WORD_BYTES)

    return types.int64(words, types.intp), generate


load: Any = intrinsic(_load)


def _store(typing_context: Any, words: Any, at: Any, value: Any) -> Any:
    """words[at] = value."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _word(context, builder, signature, args)
        builder.store_atomic(args[2], pointer, ORDER, WORD_BYTES)
        return context.get_dummy_value()

    return types.void(words, types.intp, types.int64), generate


store: Any = intrinsic(_store)


def _read_modify_write(operation: str) -> Any:
    """An intrinsic (words, at, value) that changes words[at] and gives its value before."""

    def change(typing_context: Any, words: Any, at: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pointer = _word(context, builder, signature, args)
            return builder.atomic_rmw(operation, pointer, args[2], ORDER)

        return types.int64(words, types.intp, types.int64), generate

    return intrinsic(change)


add = _read_modify_write("add")  # words[at] += value
exchange = _read_modify_write("xchg")  # words[at] = value
