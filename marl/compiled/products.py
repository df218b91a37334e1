"""Matrix products inside compiled functions.

A tile of the result stays in registers while the whole depth is summed into it. The right factor is
cut into panels as wide as a tile, so that it is read in order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from marl.compiled.jit import released
from marl.compiled.lanes import LANES, VECTOR, WORD, Lanes, Row, ir

Floats = NDArray[np.float32]

# A tile takes ROWS * VECTORS registers for its sums, of 32 (16 where a register has 8 lanes).
ROWS = 6
VECTORS = 2 if LANES == 8 else 4
PANEL = VECTORS * LANES  # columns of a tile


def panels_of(right: Floats) -> Floats:
    """The factor right [K,N] cut into panels [ceil(N / PANEL),K,PANEL], filled up with zeros."""
    depth, width = right.shape
    count = -(-width // PANEL)
    padded = np.zeros((depth, count * PANEL), dtype=np.float32)
    padded[:, :width] = right
    return np.ascontiguousarray(padded.reshape(depth, count, PANEL).swapaxes(0, 1))


def _tile(rows: int, adds: bool) -> Any:
    """An intrinsic (left, start, panels, panel, out, at) for `rows` rows from there on.

    out[at.., the panel's columns] (+)= left[start..] @ panels[panel]
    left [*,K], panels [*,K,PANEL], out [*,panels * PANEL].
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        left, start, panels, panel, out, at = args
        left_kind, _, panels_kind, _, out_kind, _ = signature.args

        def rows_of(kind: Any, array: Any, first: Any) -> list[Row]:
            numbers = (builder.add(first, WORD(row)) for row in range(rows))
            return [Row(context, builder, kind, array, number) for number in numbers]

        factors, results = rows_of(left_kind, left, start), rows_of(out_kind, out, at)
        shape = context.make_array(panels_kind)(context, builder, panels).shape
        depth = builder.extract_value(shape, 1)
        columns = [
            builder.add(builder.mul(panel, WORD(PANEL)), WORD(vector * LANES))
            for vector in range(VECTORS)
        ]
        zero = Lanes(builder, ir.Constant(VECTOR, [0.0] * LANES))
        before = [[row[column] if adds else zero for column in columns] for row in results]
        first_line = builder.mul(panel, depth)

        entry = builder.basic_block
        loop, end = builder.append_basic_block("depth"), builder.append_basic_block("end")
        builder.branch(loop)
        builder.position_at_end(loop)
        k = builder.phi(WORD)
        sums = [[Lanes(builder, builder.phi(VECTOR)) for _ in columns] for _ in range(rows)]
        line = Row(context, builder, panels_kind, panels, builder.add(first_line, k))
        weights = [line[WORD(vector * LANES)] for vector in range(VECTORS)]
        after = []
        for row in range(rows):
            factor = factors[row].spread(k)
            after.append(
                [factor.times_plus(*pair) for pair in zip(weights, sums[row], strict=True)]
            )
        next_k = builder.add(k, WORD(1))
        k.add_incoming(WORD(0), entry)
        k.add_incoming(next_k, loop)
        for row in range(rows):
            for vector in range(VECTORS):
                sums[row][vector].value.add_incoming(before[row][vector].value, entry)
                sums[row][vector].value.add_incoming(after[row][vector].value, loop)
        builder.cbranch(builder.icmp_signed("<", next_k, depth), loop, end)
        builder.position_at_end(end)
        for row in range(rows):
            for vector, column in enumerate(columns):
                results[row][column] = after[row][vector]
        return context.get_dummy_value()

    def tile(typing: Any, left: Any, start: Any, panels: Any, panel: Any, out: Any, at: Any) -> Any:
        number = types.intp
        return types.void(left, number, panels, number, out, number), generate

    return intrinsic(tile)


_set_tile, _set_row = _tile(ROWS, adds=False), _tile(1, adds=False)
_add_tile, _add_row = _tile(ROWS, adds=True), _tile(1, adds=True)


@released
def _cover(left: Floats, start: int, rows: int, panels: Floats, out: Floats, adds: bool) -> None:
    """All tiles of the product: whole ones, and single rows for what is left."""
    for panel in range(len(panels)):
        row = 0
        while row + ROWS <= rows:
            if adds:
                _add_tile(left, start + row, panels, panel, out, row)
            else:
                _set_tile(left, start + row, panels, panel, out, row)
            row += ROWS
        while row < rows:
            if adds:
                _add_row(left, start + row, panels, panel, out, row)
            else:
                _set_row(left, start + row, panels, panel, out, row)
            row += 1


@released
def product(left: Floats, start: int, rows: int, panels: Floats, out: Floats) -> None:
    """out[:rows] = left[start:start + rows] @ right.

    left [*,K], panels: of right [K,N], out [*,panels * PANEL].
    """
    _cover(left, start, rows, panels, out, False)


@released
def add_product(left: Floats, start: int, rows: int, panels: Floats, out: Floats) -> None:
    """out[:rows] += left[start:start + rows] @ right; shapes as in `product`."""
    _cover(left, start, rows, panels, out, True)
