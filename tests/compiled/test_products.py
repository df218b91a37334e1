"""Products inside compiled functions."""

from __future__ import annotations

import numpy as np
import pytest

from marl.compiled.products import PANEL, ROWS, add_product, panels_of, product


@pytest.mark.parametrize("rows", [1, ROWS, 2 * ROWS + 3])
@pytest.mark.parametrize(("depth", "width"), [(1, PANEL), (7, PANEL - 3), (33, 2 * PANEL + 1)])
def test_products_are_numpys(rows, depth, width):
    rng = np.random.default_rng(0)
    left = rng.normal(size=(rows + 2, depth)).astype(np.float32)
    right = rng.normal(size=(depth, width)).astype(np.float32)
    panels = panels_of(right)
    out = np.full((rows + 1, len(panels) * PANEL), 5.0, np.float32)
    product(left, 2, rows, panels, out)
    expected = left[2:].astype(np.float64) @ right
    assert np.allclose(out[:rows, :width], expected, atol=1e-5)
    assert (out[rows] == 5.0).all()  # a row beyond those asked for
    add_product(left, 2, rows, panels, out)
    assert np.allclose(out[:rows, :width], 2 * expected, atol=1e-5)
    assert (out[:rows, width:] == 0.0).all()
