"""The recurrence of a GRU over packed rows, forward and backward, compiled.

    r = sigmoid(g_r + W_r h),  z = sigmoid(g_z + W_z h)
    n = tanh(g_n + r * (W_n h + b))
    h' = n + z * (h - n)
g is the inputs' share, computed before for all slots at once. Rows lie by time as in
marl/nets/packed.py: P in all, N at the first slot. H hidden numbers, a multiple of LANES. All
arrays are float32 and contiguous.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from marl.compiled.jit import released
from marl.compiled.lanes import LANES, WORD, Row, sigmoid, tanh
from marl.compiled.products import Floats, add_product, product

FLUSH = 1e-20  # added and taken off again: what is below 1e-27 of a gradient becomes 0
KEPT = 4  # numbers of each unit that the gradient needs: r, z, n, and W_n h + b


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
    bias: Any,
    hidden: Any,
    kept: Any,
    at: Any,
    place: Any,
    before: Any,
    keep: Any,
) -> Any:
    """hidden[at] from gates[at], products[place] and hidden[before]; and kept[keep]."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def row(array: int, number: Any) -> Row:
            return Row(context, builder, signature.args[array], args[array], number)

        at, place, before, keep = args[5:]
        g, w, b = row(0, at), row(1, place), row(2, WORD(0))
        new, old, k = row(3, at), row(3, before), row(4, keep)
        with _each_unit(builder, new.width) as (r_at, z_at, n_at, last_at):
            r = sigmoid(g[r_at] + w[r_at])
            z = sigmoid(g[z_at] + w[z_at])
            inner = w[n_at] + b[r_at]
            n = tanh(r.times_plus(inner, g[n_at]))
            new[r_at] = z.times_plus(old[r_at] - n, n)
            k[r_at], k[z_at], k[n_at], k[last_at] = r, z, n, inner
        return context.get_dummy_value()

    places = [types.intp] * 4
    return types.void(gates, products, bias, hidden, kept, *places), generate


def _return_row_typed(
    typing: Any,
    grad: Any,
    hidden: Any,
    kept: Any,
    gates: Any,
    products: Any,
    old: Any,
    carry: Any,
    at: Any,
    place: Any,
    before: Any,
) -> Any:
    """Gradients of one row's gates and products; carry[place] becomes z's share of hidden's.

    old[at] is hidden[before].
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def row(array: int, number: Any) -> Row:
            return Row(context, builder, signature.args[array], args[array], number)

        at, place, before = args[7:]
        g, h, k = row(0, at), row(1, before), row(2, at)
        d_gates, d_products, o, c = row(3, at), row(4, at), row(5, at), row(6, place)
        with _each_unit(builder, h.width) as (r_at, z_at, n_at, last_at):
            r, z, n, inner, last = k[r_at], k[z_at], k[n_at], k[last_at], h[r_at]
            # Gradients fade to numbers so small that arithmetic with them is 50 times slower.
            d_hidden = (c[r_at] + g[r_at] + FLUSH) - FLUSH
            d_n = d_hidden * (1.0 - z) * (1.0 - n * n)
            d_r = d_n * inner * r * (1.0 - r)
            d_z = d_hidden * (last - n) * z * (1.0 - z)
            d_gates[r_at], d_gates[z_at], d_gates[n_at] = d_r, d_z, d_n
            d_products[r_at], d_products[z_at], d_products[n_at] = d_r, d_z, d_n * r
            o[r_at] = last
            c[r_at] = d_hidden * z
        return context.get_dummy_value()

    places = [types.intp] * 3
    return types.void(grad, hidden, kept, gates, products, old, carry, *places), generate


_run_row: Any = intrinsic(_run_row_typed)
_return_row: Any = intrinsic(_return_row_typed)


@released
def run(
    gates: Floats,
    panels: Floats,
    bias: Floats,
    sizes: NDArray[np.int64],
    products: Floats,
    hidden: Floats,
    kept: Floats,
) -> None:
    """Fill hidden, whose last row is the zeros before the first slot, and kept.

    gates [P,3H]; panels of W transposed, [H,3H]; bias [1,H]; sizes [T] rows at each slot; products
    [N,>=3H] zeros, for the work; hidden [P+1,H]; kept [P,KEPT H], or [N,KEPT H] where no gradient
    will be asked for.
    """
    keeps = len(kept) == len(gates)
    start, before = 0, len(gates)
    for slot in range(len(sizes)):
        if slot > 0:
            product(hidden, before, sizes[slot], panels, products)
        for place in range(sizes[slot]):
            at = start + place
            old = before + place if slot > 0 else before
            _run_row(gates, products, bias, hidden, kept, at, place, old, at if keeps else place)
        before = start
        start += sizes[slot]


@released
def run_back(
    grad: Floats,
    panels: Floats,
    sizes: NDArray[np.int64],
    hidden: Floats,
    kept: Floats,
    gates: Floats,
    products: Floats,
    old: Floats,
    carry: Floats,
) -> None:
    """Fill the gradients of gates and of products W h, and the hidden numbers before each row.

    grad [P,H] of hidden's rows; panels of W [3H,H]; hidden, kept: of `run`; gates, products [P,3H];
    old [P,H]; carry [N,>=H] zeros, for the work.
    """
    start = len(grad)
    for slot in range(len(sizes) - 1, -1, -1):
        start -= sizes[slot]
        before = start - sizes[slot - 1] if slot > 0 else len(grad)
        for place in range(sizes[slot]):
            last = before + place if slot > 0 else before
            at = start + place
            _return_row(grad, hidden, kept, gates, products, old, carry, at, place, last)
        if slot > 0:
            add_product(products, start, sizes[slot], panels, carry)
