"""Matrix products inside compiled functions.

A tile of the result stays in registers while the whole depth is summed into it. All arrays are
float32 and contiguous.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from marl.compiled.jit import released
from marl.compiled.lanes import LANES, VECTOR, WORD, Lanes, Row

Floats = NDArray[np.float32]

# A tile takes rows * vectors registers for its sums, of 32 (16 where a register has 8 lanes).
ROWS, FEW_ROWS = 6, 3
VECTORS = 2 if LANES == 8 else 4
PANEL = VECTORS * LANES  # columns of a wide tile; a narrow one has LANES
OUTER_ROWS = 4

Registers = list[list[Lanes]]  # of a tile, by row and vector
Term = Callable[[Any], tuple[list[Lanes], list[Lanes]]]  # depth -> a factor by row, by vector


def panels_of(right: Floats) -> Floats:
    """The factor right [K,N] cut into panels [C,K,PANEL or LANES], filled up with zeros.

    Narrow ones where a wide one would be more than half empty.
    """
    depth, width = right.shape
    panel = PANEL if 2 * width > PANEL else LANES
    count = -(-width // panel)
    padded = np.zeros((depth, count * panel), dtype=np.float32)
    padded[:, :width] = right
    return np.ascontiguousarray(padded.reshape(depth, count, panel).swapaxes(0, 1))


def room_for(rows: int, panels: Floats) -> Floats:
    """Where a product of so many rows finds room, zeros [rows,C * panel]."""
    return np.zeros((rows, panels.shape[0] * panels.shape[2]), dtype=np.float32)


def with_bias(weight: Floats, bias: Floats) -> tuple[Floats, Floats]:
    """Panels of weight [N,K] transposed, and bias [N] as `product` adds it: of a linear layer."""
    panels = panels_of(weight.T)
    padded = room_for(1, panels)
    padded[0, : len(bias)] = bias
    return panels, padded


def sums_for(weight: Floats) -> tuple[Floats, Floats]:
    """Zeros for the sums of a linear layer's gradients: like weight [N,K], and [1,N]."""
    zeros = np.zeros(weight.shape, dtype=np.float32)
    return zeros, np.zeros((1, len(weight)), dtype=np.float32)


def _summed(builder: Any, first: Registers, depth: Any, term: Term) -> Registers:
    """first + the outer products of term(k)'s factors, k from 0 to below depth (at least 1)."""
    entry = builder.basic_block
    loop, end = builder.append_basic_block("depth"), builder.append_basic_block("end")
    builder.branch(loop)
    builder.position_at_end(loop)
    k = builder.phi(WORD)
    sums = [[Lanes(builder, builder.phi(VECTOR)) for _ in row] for row in first]
    by_row, by_vector = term(k)
    after = [
        [factor.times_plus(vector, total) for vector, total in zip(by_vector, row, strict=True)]
        for factor, row in zip(by_row, sums, strict=True)
    ]
    next_k = builder.add(k, WORD(1))
    k.add_incoming(WORD(0), entry)
    k.add_incoming(next_k, loop)
    for before, phis, results in zip(first, sums, after, strict=True):
        for one, phi, result in zip(before, phis, results, strict=True):
            phi.value.add_incoming(one.value, entry)
            phi.value.add_incoming(result.value, loop)
    builder.cbranch(builder.icmp_signed("<", next_k, depth), loop, end)
    builder.position_at_end(end)
    return after


def _columns(builder: Any, first: Any, vectors: int) -> list[Any]:
    return [builder.add(first, WORD(vector * LANES)) for vector in range(vectors)]


def _product_tile(rows: int, vectors: int) -> Any:
    """An intrinsic: out[at.., the panel's columns] = left[start..] @ panels[panel] + bias.

    left [*,K], panels [*,K,vectors * LANES], bias [1,W], out [*,W], W: of all panels.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        left, start, panels, panel, bias, out, at = args
        left_kind, _, panels_kind, _, bias_kind, out_kind, _ = signature.args

        def rows_of(kind: Any, array: Any, first: Any) -> list[Row]:
            numbers = (builder.add(first, WORD(row)) for row in range(rows))
            return [Row(context, builder, kind, array, number) for number in numbers]

        factors, results = rows_of(left_kind, left, start), rows_of(out_kind, out, at)
        shape = context.make_array(panels_kind)(context, builder, panels).shape
        depth = builder.extract_value(shape, 1)
        first_line = builder.mul(panel, depth)
        columns = _columns(builder, builder.mul(panel, WORD(vectors * LANES)), vectors)

        def term(k: Any) -> tuple[list[Lanes], list[Lanes]]:
            line = Row(context, builder, panels_kind, panels, builder.add(first_line, k))
            weights = [line[column] for column in _columns(builder, WORD(0), vectors)]
            return [factor.spread(k) for factor in factors], weights

        begin = Row(context, builder, bias_kind, bias, WORD(0))
        first = [[begin[column] for column in columns] for _ in range(rows)]
        for row, sums in zip(results, _summed(builder, first, depth, term), strict=True):
            for column, total in zip(columns, sums, strict=True):
                row[column] = total
        return context.get_dummy_value()

    def tile(
        typing: Any, left: Any, start: Any, panels: Any, panel: Any, bias: Any, out: Any, at: Any
    ) -> Any:
        number = types.intp
        return types.void(left, number, panels, number, bias, out, number), generate

    return intrinsic(tile)


def _outer_tile(rows: int, vectors: int) -> Any:
    """An intrinsic: out[at.., column..] += left[start.., at..]^T @ right[begin.., column..].

    Summed over `depth` rows of left [*,M] and right [*,N]; out [M,N].
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        left, start, right, begin, depth, at, column, out = args
        left_kind, _, right_kind, _, _, _, _, out_kind = signature.args
        places = [builder.add(at, WORD(row)) for row in range(rows)]
        columns = _columns(builder, column, vectors)
        results = [Row(context, builder, out_kind, out, place) for place in places]

        def term(k: Any) -> tuple[list[Lanes], list[Lanes]]:
            factors = Row(context, builder, left_kind, left, builder.add(start, k))
            others = Row(context, builder, right_kind, right, builder.add(begin, k))
            return [factors.spread(place) for place in places], [others[one] for one in columns]

        first = [[row[column] for column in columns] for row in results]
        for row, sums in zip(results, _summed(builder, first, depth, term), strict=True):
            for one, total in zip(columns, sums, strict=True):
                row[one] = total
        return context.get_dummy_value()

    def tile(
        typing: Any,
        left: Any,
        start: Any,
        right: Any,
        begin: Any,
        depth: Any,
        at: Any,
        column: Any,
        out: Any,
    ) -> Any:
        number = types.intp
        return types.void(left, number, right, number, number, number, number, out), generate

    return intrinsic(tile)


_wide, _wide_few, _wide_row = (_product_tile(rows, VECTORS) for rows in (ROWS, FEW_ROWS, 1))
_narrow, _narrow_row = _product_tile(ROWS, 1), _product_tile(1, 1)
_outer_wide, _outer_wide_row = _outer_tile(OUTER_ROWS, VECTORS), _outer_tile(1, VECTORS)
_outer_narrow, _outer_narrow_row = _outer_tile(OUTER_ROWS, 1), _outer_tile(1, 1)


@released
def product(left: Floats, start: int, rows: int, panels: Floats, bias: Floats, out: Floats) -> None:
    """out[:rows] = left[start:start + rows] @ right + bias.

    left [*,K], panels: of right [K,N], bias [1,W], out [*,W], W the width of all panels. The last
    tile goes back over rows that are done where too few are left.
    """
    wide = panels.shape[2] == PANEL
    for panel in range(len(panels)):
        row = 0
        while row < rows:
            if rows >= ROWS:
                row = min(row, rows - ROWS)
                if wide:
                    _wide(left, start + row, panels, panel, bias, out, row)
                else:
                    _narrow(left, start + row, panels, panel, bias, out, row)
                row += ROWS
            elif wide and rows >= FEW_ROWS:
                row = min(row, rows - FEW_ROWS)
                _wide_few(left, start + row, panels, panel, bias, out, row)
                row += FEW_ROWS
            else:
                if wide:
                    _wide_row(left, start + row, panels, panel, bias, out, row)
                else:
                    _narrow_row(left, start + row, panels, panel, bias, out, row)
                row += 1


@released
def add_outer(left: Floats, start: int, right: Floats, begin: int, rows: int, out: Floats) -> None:
    """out += left[start:start + rows]^T @ right[begin:begin + rows].

    left [*,>=M], right [*,>=N], out [M,N], N a multiple of LANES; rows at least 1.
    """
    height, width = out.shape
    column = 0
    while column < width:
        wide = column + PANEL <= width
        at = 0
        while at < height:
            many = at + OUTER_ROWS <= height
            if wide and many:
                _outer_wide(left, start, right, begin, rows, at, column, out)
            elif wide:
                _outer_wide_row(left, start, right, begin, rows, at, column, out)
            elif many:
                _outer_narrow(left, start, right, begin, rows, at, column, out)
            else:
                _outer_narrow_row(left, start, right, begin, rows, at, column, out)
            at += OUTER_ROWS if many else 1
        column += PANEL if wide else LANES
