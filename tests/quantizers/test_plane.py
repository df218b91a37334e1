"""The two main axes of points."""

import pytest
import torch

from marl.quantizers.plane import main_plane

CROSS = torch.tensor([[0.0, 5.0, 0.0], [8.0, 5.0, 0.0], [4.0, 5.0, 2.0], [4.0, 5.0, -2.0]])


def test_points_lie_along_the_axes_on_which_they_differ_most():
    plane = main_plane(CROSS)
    assert plane.centre.tolist() == [4.0, 5.0, 0.0]
    assert plane.project(CROSS).tolist() == [
        pytest.approx(row, abs=1e-12) for row in ([-4, 0], [4, 0], [0, 2], [0, -2])
    ]
    assert plane.shares.tolist() == pytest.approx([0.8, 0.2])  # 32 and 8 of 40


def test_one_number_has_a_plane_with_nothing_along_its_second_axis():
    plane = main_plane(torch.tensor([[1.0], [3.0]]))
    assert plane.project(torch.tensor([[1.0], [5.0]])).tolist() == [[-1.0, 0.0], [3.0, 0.0]]
    assert plane.shares.tolist() == [1.0, 0.0]


def test_equal_points_have_a_plane_too():
    plane = main_plane(torch.ones(4, 3))
    assert plane.project(torch.ones(4, 3)).tolist() == [[0.0, 0.0]] * 4
    assert plane.shares.tolist() == [0.0, 0.0]
