"""The plane on which points of many dimensions lie farthest apart."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Plane(NamedTuple):
    """The two main axes of some points, their principal components."""

    centre: Tensor  # [D]
    axes: Tensor  # [2,D] float64, of length 1; the second is 0 where D = 1
    shares: Tensor  # [2] float64, of the points' variance along each

    def project(self, points: Tensor) -> Tensor:
        """points [N,D] -> places on the plane [N,2], float64."""
        return (points - self.centre).double() @ self.axes.T


def main_plane(points: Tensor) -> Plane:
    """By a singular value decomposition of the points [N,D] about their mean; on the CPU.

    An axis points to where its largest part is positive, so that equal points give equal planes.
    """
    points = points.detach().cpu()
    centre = points.mean(0)
    _, lengths, axes = torch.linalg.svd((points - centre).double(), full_matrices=False)
    variance = lengths.square()
    shares = variance / variance.sum().clamp(min=torch.finfo(torch.float64).tiny)
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))  # [D,1]
    axes = axes * torch.where(largest < 0, -1.0, 1.0)
    missing = max(0, 2 - len(axes))
    pad = (0, 0, 0, missing)
    return Plane(
        centre,
        torch.nn.functional.pad(axes, pad)[:2],
        torch.nn.functional.pad(shares, (0, missing))[:2],
    )
