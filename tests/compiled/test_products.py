"""Products inside compiled functions."""

from __future__ import annotations

import numpy as np
import pytest

from marl.compiled.lanes import LANES
from marl.compiled.products import (
    FEW_ROWS,
    OUTER_ROWS,
    PANEL,
    ROWS,
    add_outer,
    panels_of,
    product,
    room_for,
    with_bias,
)
from marl.compiled.rows import add_rows


def drawn(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("rows", [1, FEW_ROWS, FEW_ROWS + 1, ROWS, 2 * ROWS + 3])
@pytest.mark.parametrize(
    ("depth", "width"), [(1, PANEL), (7, PANEL - 3), (33, 2 * PANEL + 1), (5, 3), (9, LANES + 1)]
)
def test_products_are_numpys(rows, depth, width):
    left, weight, bias = drawn(rows + 2, depth), drawn(width, depth), drawn(width)
    panels, padded = with_bias(weight, bias)
    out = room_for(rows + 1, panels)
    out[rows] = 5.0
    product(left, 2, rows, panels, padded, out)
    expected = left[2:].astype(np.float64) @ weight.T + bias
    assert np.allclose(out[:rows, :width], expected, atol=1e-5)
    assert (out[:rows, width:] == 0.0).all()
    assert (out[rows] == 5.0).all()  # a row beyond those asked for


def test_little_width_takes_narrow_panels():
    assert panels_of(drawn(4, 1)).shape == (1, 4, LANES)
    assert panels_of(drawn(4, PANEL)).shape == (1, 4, PANEL)


@pytest.mark.parametrize("rows", [1, 17])
@pytest.mark.parametrize("height", [1, OUTER_ROWS, 2 * OUTER_ROWS + 3])
@pytest.mark.parametrize("width", [LANES, PANEL, PANEL + LANES])
def test_outer_products_add_up(rows, height, width):
    left, right, out = drawn(rows + 1, height), drawn(rows + 3, width), drawn(height, width)
    expected = out + left[1:].astype(np.float64).T @ right[3:]
    add_outer(left, 1, right, 3, rows, out)
    assert np.allclose(out, expected, atol=1e-5)


def test_rows_add_up():
    rows_of, out = drawn(6, 9), drawn(1, 7)
    expected = out + rows_of[2:5, :7].astype(np.float64).sum(0)
    add_rows(rows_of, 2, 3, out)
    assert np.allclose(out, expected, atol=1e-6)
