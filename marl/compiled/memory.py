"""Memory by its address, inside compiled functions.

A function of addresses is compiled once, whatever number of arrays of whatever types lies there; as
arguments they would each make another version. Nothing is checked and nothing kept alive: that is
the caller's part.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

BYTE, WORD, BIT = ir.IntType(8), ir.IntType(32), ir.IntType(1)
WORD_BYTES = 4


def _at(builder: Any, address: Any, kind: Any = BYTE) -> Any:
    return builder.inttoptr(address, kind.as_pointer())


def _read(typing_context: Any, address: Any) -> Any:
    """The uint32 at `address`, a multiple of 4."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(_at(builder, args[0], WORD), align=WORD_BYTES)

    return types.uint32(types.int64), generate


def _copy(typing_context: Any, target: Any, source: Any, count: Any) -> Any:
    """Copy `count` bytes from the address `source` to `target`; they do not overlap."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        target, source, count = args
        cgutils.raw_memcpy(builder, _at(builder, target), _at(builder, source), count, 1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


def _clear(typing_context: Any, target: Any, count: Any) -> Any:
    """Set `count` bytes from the address `target` on to zero."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        cgutils.memset(builder, _at(builder, args[0]), args[1], 0)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


def _lowest_bit(typing_context: Any, word: Any) -> Any:
    """The place of the lowest bit that is set, 0..31; of a uint32 that is not 0."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(BIT, 1))

    return types.uint32(types.uint32), generate


def _count_bits(typing_context: Any, word: Any) -> Any:
    """How many bits of a uint32 are set."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.uint32(types.uint32), generate


read: Any = intrinsic(_read)
copy: Any = intrinsic(_copy)
clear: Any = intrinsic(_clear)
lowest_bit: Any = intrinsic(_lowest_bit)
count_bits: Any = intrinsic(_count_bits)
