"""QMIX's mixing network over independent rows, forward and backward, compiled.

    f = W_f s + b_f                     (the four first layers: weights_1, bias_1, weights_2, value)
    w1 = W_1 relu(f_1) + b_1,  w2 = W_2 relu(f_2) + b_2,  v = w_v . relu(f_v) + b_v
    hidden = elu(sum over agents a of q_a |w1_a| + f_b)
    joint = hidden . |w2| + v
N rows, S numbers of the state, A agents, M hidden numbers (the mixer's embed_dim) and K of the
hypernets, both multiples of LANES; F = 2 K + 2 M first numbers. Rows are taken in blocks of BLOCK,
from the state to the value (backward: to their share of the weights' gradients) while they lie in
the cache. All arrays are float32 and contiguous, weights in panels (marl/compiled/products.py).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from marl.compiled.jit import released
from marl.compiled.lanes import LANES, WORD, Row, exp
from marl.compiled.products import Floats, add_outer, product
from marl.compiled.rows import BLOCK, ZERO, add_rows, copy_rows, relu_back, relu_rows

ONE = np.float32(1.0)


def _elu_typed(typing: Any, rows_of: Any, at: Any) -> Any:
    """rows_of[at] = elu of itself: x above 0, else e ** x - 1."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        row = Row(context, builder, signature.args[0], *args)
        steps = (WORD(0), row.width, WORD(LANES))
        with cgutils.for_range_slice(builder, *steps, inc=True) as (column, _):
            x = row[column]
            row[column] = x.where_above_zero(x, exp(x) - 1.0)
        return context.get_dummy_value()

    return types.void(rows_of, types.intp), generate


_elu: Any = intrinsic(_elu_typed)


class Weights(NamedTuple):
    """Panels of what a row is multiplied with on its right, and what is added to it."""

    first: Floats  # of W_f transposed [S,F]
    first_bias: Floats  # [1,>=F]
    one: Floats  # of W_1 transposed [K,A M]
    one_bias: Floats  # [1,>=A M]
    two: Floats  # of W_2 transposed [K,M]
    two_bias: Floats  # [1,>=M]
    value: Floats  # w_v and b_v, [1,M + 1]


class BackWeights(NamedTuple):
    """Panels of what a row of gradients is multiplied with on its right, and zeros to add."""

    one: Floats  # of W_1 [A M,K]
    two: Floats  # of W_2 [M,K]
    none: Floats  # [1,>=K] zeros
    value: Floats  # w_v, [1,M]


class Kept(NamedTuple):
    """What the gradients need: for N rows, or for BLOCK where none will be asked for."""

    one_in: Floats  # [*,K] relu(f_1)
    two_in: Floats  # [*,K] relu(f_2)
    value_in: Floats  # [*,M] relu(f_v)
    one: Floats  # [*,A M] w1
    two: Floats  # [*,M] w2
    hidden: Floats  # [*,M]


class Room(NamedTuple):
    """Work arrays of BLOCK rows, as wide as the panels of `Weights`."""

    first: Floats
    one: Floats
    two: Floats


class BackRoom(NamedTuple):
    """Work arrays of BLOCK rows."""

    one: Floats  # [*,A M]
    two: Floats  # [*,M]
    back: Floats  # [*,>=K]
    first: Floats  # [*,F]


class Gradients(NamedTuple):
    """Sums of the gradients, zeros to begin with."""

    first: Floats  # [S,F], transposed
    first_bias: Floats  # [1,F]
    one: Floats  # [A M,K]
    one_bias: Floats  # [1,A M]
    two: Floats  # [M,K]
    two_bias: Floats  # [1,M]
    value: Floats  # [1,M + 1]: of w_v and b_v


@released
def _sign(value: np.float32) -> np.float32:
    return ONE if value > ZERO else (-ONE if value < ZERO else ZERO)


@released
def run(
    values: Floats, states: Floats, weights: Weights, room: Room, kept: Kept, joint: Floats
) -> None:
    """Fill kept and the joint values. values [N,A], states [N,S], joint [N,1]."""
    total, agents = values.shape
    size, width = kept.hidden.shape[1], kept.one_in.shape[1]
    keeps = len(kept.hidden) == total
    for start in range(0, total, BLOCK):
        rows = min(BLOCK, total - start)
        at = start if keeps else 0
        product(states, start, rows, weights.first, weights.first_bias, room.first)
        relu_rows(room.first, 0, kept.one_in, at, rows)
        relu_rows(room.first, width + size, kept.two_in, at, rows)
        relu_rows(room.first, 2 * width + size, kept.value_in, at, rows)
        product(kept.one_in, at, rows, weights.one, weights.one_bias, room.one)
        product(kept.two_in, at, rows, weights.two, weights.two_bias, room.two)
        copy_rows(room.one, kept.one, at, rows)
        copy_rows(room.two, kept.two, at, rows)
        for row in range(rows):
            here = at + row
            for unit in range(size):
                kept.hidden[here, unit] = room.first[row, width + unit]
            for agent in range(agents):
                value = values[start + row, agent]
                for unit in range(size):
                    weight = abs(room.one[row, agent * size + unit])
                    kept.hidden[here, unit] += value * weight
            _elu(kept.hidden, here)
            mixed = weights.value[0, size]
            for unit in range(size):
                mixed += kept.hidden[here, unit] * abs(room.two[row, unit])
                mixed += kept.value_in[here, unit] * weights.value[0, unit]
            joint[start + row, 0] = mixed


@released
def run_back(
    grad: Floats,
    values: Floats,
    states: Floats,
    weights: BackWeights,
    room: BackRoom,
    kept: Kept,
    sums: Gradients,
    grad_values: Floats,
) -> None:
    """Add up the weights' gradients in sums, and fill grad_values.

    grad [N,1] of the joint values; values, states, kept: of `run`; grad_values [N,A].
    """
    total, agents = values.shape
    size, width = kept.hidden.shape[1], kept.one_in.shape[1]
    for start in range(0, total, BLOCK):
        rows = min(BLOCK, total - start)
        for row in range(rows):
            here = start + row
            share = grad[here, 0]
            for unit in range(size):
                hidden, weight = kept.hidden[here, unit], kept.two[here, unit]
                slope = ONE if hidden > ZERO else hidden + ONE
                room.first[row, width + unit] = share * abs(weight) * slope
                room.two[row, unit] = share * hidden * _sign(weight)
                lit = kept.value_in[here, unit]
                back = ZERO if lit <= ZERO else share * weights.value[0, unit]
                room.first[row, 2 * width + size + unit] = back
                sums.value[0, unit] += share * lit
            sums.value[0, size] += share
            for agent in range(agents):
                value, first = values[here, agent], agent * size
                back = ZERO
                for unit in range(size):
                    weight = kept.one[here, first + unit]
                    slope = room.first[row, width + unit]
                    room.one[row, first + unit] = slope * value * _sign(weight)
                    back += slope * abs(weight)
                grad_values[here, agent] = back
        product(room.one, 0, rows, weights.one, weights.none, room.back)
        relu_back(room.back, kept.one_in, start, rows, room.first, 0)
        product(room.two, 0, rows, weights.two, weights.none, room.back)
        relu_back(room.back, kept.two_in, start, rows, room.first, width + size)
        add_outer(states, start, room.first, 0, rows, sums.first)
        add_rows(room.first, 0, rows, sums.first_bias)
        add_outer(room.one, 0, kept.one_in, start, rows, sums.one)
        add_rows(room.one, 0, rows, sums.one_bias)
        add_outer(room.two, 0, kept.two_in, start, rows, sums.two)
        add_rows(room.two, 0, rows, sums.two_bias)
