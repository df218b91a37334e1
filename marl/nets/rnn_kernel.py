"""PyMARL's recurrent agent over packed rows, forward and backward, compiled.

    x = relu(W_e i + b_e)
    g = W_x x + b_x,  w = W_h h + b_h      (r, z and n one after the other)
    r = sigmoid(g_r + w_r),  z = sigmoid(g_z + w_z),  n = tanh(g_n + r * w_n)
    h' = n + z * (h - n)
    q = W_q h' + b_q
Rows lie by time as in marl/nets/packed.py: P in all, N at the first slot. I inputs, H hidden
numbers, a multiple of LANES, U outputs. Slots are taken in blocks of BLOCK rows or a little more,
and a block is taken from its inputs to its outputs (backward: to its share of the weights'
gradients) while it lies in the cache. All arrays are float32 and contiguous, weights in panels
(marl/compiled/products.py), work arrays as wide as the panels.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from marl.compiled.jit import released
from marl.compiled.lanes import LANES, WORD, Row, sigmoid, tanh
from marl.compiled.products import Floats, add_outer, product
from marl.compiled.rows import BLOCK, add_rows, copy_rows, relu_back, relu_rows

FLUSH = 1e-20  # added and taken off again: what is below 1e-27 of a gradient becomes 0
KEPT = 4  # numbers of each unit that the gradient needs: r, z, n and w_n


@contextmanager
def _each_unit(builder: Any, size: Any) -> Iterator[list[Any]]:
    """The body of a loop over `size` units, LANES at a time: their columns in the KEPT parts."""
    with cgutils.for_range_slice(builder, WORD(0), size, WORD(LANES), inc=True) as (unit, _):
        columns = [unit]
        while len(columns) < KEPT:
            columns.append(builder.add(columns[-1], size))
        yield columns


def _run_row_typed(
    typing: Any,
    gates: Any,
    products: Any,
    hidden: Any,
    kept: Any,
    at: Any,
    gates_at: Any,
    place: Any,
    before: Any,
    keep: Any,
) -> Any:
    """hidden[at] from gates[gates_at], products[place], hidden[before]; and kept[keep]."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def row(array: int, number: Any) -> Row:
            return Row(context, builder, signature.args[array], args[array], number)

        at, gates_at, place, before, keep = args[4:]
        g, w = row(0, gates_at), row(1, place)
        new, old, k = row(2, at), row(2, before), row(3, keep)
        with _each_unit(builder, new.width) as (r_at, z_at, n_at, last_at):
            r = sigmoid(g[r_at] + w[r_at])
            z = sigmoid(g[z_at] + w[z_at])
            n = tanh(r.times_plus(w[n_at], g[n_at]))
            new[r_at] = z.times_plus(old[r_at] - n, n)
            k[r_at], k[z_at], k[n_at], k[last_at] = r, z, n, w[n_at]
        return context.get_dummy_value()

    places = [types.intp] * 5
    return types.void(gates, products, hidden, kept, *places), generate


def _return_row_typed(
    typing: Any,
    grad: Any,
    hidden: Any,
    kept: Any,
    gates: Any,
    products: Any,
    old: Any,
    carry: Any,
    back: Any,
    at: Any,
    work: Any,
    place: Any,
    before: Any,
) -> Any:
    """Gradients of one row's gates[work] and products[work]; old[work] becomes hidden[before].

    grad[work], carry[place] and back[place]: what comes back to hidden[at] from its outputs, by z
    and by the products of the slot after it; carry[place] becomes the share by z.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def row(array: int, number: Any) -> Row:
            return Row(context, builder, signature.args[array], args[array], number)

        at, work, place, before = args[8:]
        g, h, k = row(0, work), row(1, before), row(2, at)
        d_gates, d_products, o = row(3, work), row(4, work), row(5, work)
        c, later = row(6, place), row(7, place)
        with _each_unit(builder, h.width) as (r_at, z_at, n_at, last_at):
            r, z, n, inner, last = k[r_at], k[z_at], k[n_at], k[last_at], h[r_at]
            # Gradients fade to numbers so small that arithmetic with them is 50 times slower.
            d_hidden = (c[r_at] + later[r_at] + g[r_at] + FLUSH) - FLUSH
            d_n = d_hidden * (1.0 - z) * (1.0 - n * n)
            d_r = d_n * inner * r * (1.0 - r)
            d_z = d_hidden * (last - n) * z * (1.0 - z)
            d_gates[r_at], d_gates[z_at], d_gates[n_at] = d_r, d_z, d_n
            d_products[r_at], d_products[z_at], d_products[n_at] = d_r, d_z, d_n * r
            o[r_at] = last
            c[r_at] = d_hidden * z
        return context.get_dummy_value()

    arrays = [grad, hidden, kept, gates, products, old, carry, back]
    return types.void(*arrays, *[types.intp] * 4), generate


_run_row: Any = intrinsic(_run_row_typed)
_return_row: Any = intrinsic(_return_row_typed)


class Weights(NamedTuple):
    """Panels of what a row is multiplied with on its right, and what is added to it."""

    encoder: Floats  # of W_e transposed [I,H]
    encoder_bias: Floats  # [1,>=H]
    gates: Floats  # of W_x transposed [H,3H]
    gates_bias: Floats  # [1,>=3H], b_x
    hidden: Floats  # of W_h transposed [H,3H]
    hidden_bias: Floats  # [1,>=3H], b_h
    head: Floats  # of W_q transposed [H,U]
    head_bias: Floats  # [1,>=U]


class Room(NamedTuple):
    """Work arrays, for the rows of the largest block, or of the first slot (N)."""

    encoder: Floats  # [*,>=H]
    gates: Floats  # [*,>=3H]
    products: Floats  # [N,>=3H], b_h in each row: what zeros before the first slot give
    head: Floats  # [*,>=U]


class BackWeights(NamedTuple):
    """Panels of what a row of gradients is multiplied with on its right, and zeros to add."""

    head: Floats  # of W_q [U,H]
    hidden: Floats  # of W_h [3H,H]
    gates: Floats  # of W_x [3H,H]
    encoder: Floats  # of W_e [H,I]
    none: Floats  # [1,>=H] zeros
    none_in: Floats  # [1,>=I] zeros


class BackRoom(NamedTuple):
    """Work arrays, for the rows of the largest block, or of the first slot (N)."""

    head: Floats  # [*,>=H]
    gates: Floats  # [*,3H]
    products: Floats  # [*,3H]
    old: Floats  # [*,H]
    carry: Floats  # [N,H] zeros
    back: Floats  # [N,>=H] zeros
    encoder: Floats  # [*,>=H]
    inputs: Floats  # [*,>=I]


class Gradients(NamedTuple):
    """Sums of the gradients, zeros to begin with."""

    encoder: Floats  # [I,H], transposed
    encoder_bias: Floats  # [1,H]
    gates: Floats  # [3H,H]
    gates_bias: Floats  # [1,3H]
    hidden: Floats  # [3H,H]
    hidden_bias: Floats  # [1,3H]
    head: Floats  # [U,H]
    head_bias: Floats  # [1,U]


def largest_block(sizes: NDArray[np.int64]) -> int:
    """An upper bound on a block's rows. sizes: [T] rows at each slot, the largest first."""
    return BLOCK - 1 + int(sizes[0])


@released
def _block_end(sizes: NDArray[np.int64], slot: int) -> tuple[int, int]:
    """The slot after the block that begins at `slot`, and the block's rows."""
    rows = 0
    while slot < len(sizes) and rows < BLOCK:
        rows += sizes[slot]
        slot += 1
    return slot, rows


@released
def _block_start(sizes: NDArray[np.int64], end: int) -> tuple[int, int]:
    """The first slot of the block that ends before slot `end`, and the block's rows."""
    rows = 0
    while end > 0 and rows < BLOCK:
        end -= 1
        rows += sizes[end]
    return end, rows


@released
def run(
    inputs: Floats,
    sizes: NDArray[np.int64],
    weights: Weights,
    room: Room,
    encoded: Floats,
    kept: Floats,
    hidden: Floats,
    outputs: Floats,
) -> None:
    """Fill encoded, kept and hidden, which the gradients need, and outputs.

    inputs [P,I]; sizes [T] rows at each slot; encoded [P,H] and kept [P,KEPT H], or [*,H] and
    [N,KEPT H] where no gradient will be asked for; hidden [P+1,H], its last row zeros, those
    before the first slot; outputs [P,U].
    """
    keeps = len(kept) == len(inputs)
    blank = len(inputs)
    slot, start, before = 0, 0, blank
    while slot < len(sizes):
        end, rows = _block_end(sizes, slot)
        first = start
        at = first if keeps else 0
        product(inputs, first, rows, weights.encoder, weights.encoder_bias, room.encoder)
        relu_rows(room.encoder, 0, encoded, at, rows)
        product(encoded, at, rows, weights.gates, weights.gates_bias, room.gates)
        for now in range(slot, end):
            count = sizes[now]
            if now > 0:
                product(hidden, before, count, weights.hidden, weights.hidden_bias, room.products)
            for place in range(count):
                row = start + place
                old = before + place if now > 0 else blank
                _run_row(
                    room.gates,
                    room.products,
                    hidden,
                    kept,
                    row,
                    row - first,
                    place,
                    old,
                    row if keeps else place,
                )
            before = start
            start += count
        product(hidden, first, rows, weights.head, weights.head_bias, room.head)
        copy_rows(room.head, outputs, first, rows)
        slot = end


@released
def run_back(
    grad: Floats,
    inputs: Floats,
    sizes: NDArray[np.int64],
    weights: BackWeights,
    room: BackRoom,
    encoded: Floats,
    kept: Floats,
    hidden: Floats,
    sums: Gradients,
    grad_inputs: Floats,
) -> None:
    """Add up the weights' gradients in sums, and fill grad_inputs.

    grad [P,U] of the outputs; encoded, kept, hidden: of `run`; grad_inputs [P,I], or [0,I] where
    it is not asked for.
    """
    blank = len(inputs)
    end, start = len(sizes), len(inputs)
    while end > 0:
        slot, rows = _block_start(sizes, end)
        first = start - rows
        product(grad, first, rows, weights.head, weights.none, room.head)
        for now in range(end - 1, slot - 1, -1):
            count = sizes[now]
            start -= count
            before = start - sizes[now - 1] if now > 0 else blank
            for place in range(count):
                _return_row(
                    room.head,
                    hidden,
                    kept,
                    room.gates,
                    room.products,
                    room.old,
                    room.carry,
                    room.back,
                    start + place,
                    start + place - first,
                    place,
                    before + place if now > 0 else blank,
                )
            if now > 0:
                work = start - first
                product(room.products, work, count, weights.hidden, weights.none, room.back)
        product(room.gates, 0, rows, weights.gates, weights.none, room.encoder)
        relu_back(room.encoder, encoded, first, rows, room.encoder, 0)
        add_outer(inputs, first, room.encoder, 0, rows, sums.encoder)
        add_rows(room.encoder, 0, rows, sums.encoder_bias)
        add_outer(room.gates, 0, encoded, first, rows, sums.gates)
        add_rows(room.gates, 0, rows, sums.gates_bias)
        add_outer(room.products, 0, room.old, 0, rows, sums.hidden)
        add_rows(room.products, 0, rows, sums.hidden_bias)
        add_outer(grad, first, hidden, first, rows, sums.head)
        add_rows(grad, first, rows, sums.head_bias)
        if len(grad_inputs) > 0:
            product(room.encoder, 0, rows, weights.encoder, weights.none_in, room.inputs)
            copy_rows(room.inputs, grad_inputs, first, rows)
        end = slot
