"""Vector instructions: the functions written with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import njit, types
from numba.extending import intrinsic

from marl.compiled.lanes import LANES, WORD, Row, exp, sigmoid, tanh


def applied(function: Any) -> Any:
    """A compiled function (source, target) that applies `function` to LANES numbers."""

    @intrinsic
    def apply(typing: Any, source: Any, target: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            rows = [
                Row(context, builder, kind, array, WORD(0))
                for kind, array in zip(signature.args, args, strict=True)
            ]
            rows[1][WORD(0)] = function(rows[0][WORD(0)])
            return context.get_dummy_value()

        return types.void(source, target), generate

    @njit
    def run(source: Any, target: Any) -> None:
        apply(source, target)

    def over(numbers: Any) -> Any:
        found = []
        for part in np.asarray(numbers, np.float32).reshape(-1, 1, LANES):
            target = np.empty_like(part)
            run(part, target)
            found.append(target[0])
        return np.concatenate(found).astype(np.float64)

    return over


@pytest.mark.parametrize(
    ("function", "exact", "relative"),
    [
        (exp, np.exp, 2e-7),
        (sigmoid, lambda x: 1 / (1 + np.exp(-x)), 3e-7),
        (tanh, np.tanh, None),
    ],
)
def test_functions_are_exact_to_seven_digits(function, exact, relative):
    numbers = np.linspace(-80, 80, 1000 * LANES).astype(np.float32)
    numbers[:LANES] = np.linspace(-0.01, 0.01, LANES)
    found, expected = applied(function)(numbers), exact(numbers.astype(np.float64))
    if relative is None:
        assert np.abs(found - expected).max() < 2e-7
    else:
        assert (np.abs(found - expected) / expected).max() < relative


def test_not_a_number_stays_one():
    assert np.isnan(applied(exp)(np.full(LANES, np.nan))).all()
