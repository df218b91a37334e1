"""Parts of LAGMA's memory to look at beside one episode."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from marl.intrinsic.lagma.trajectories import Lists, WalkRules, draw


def references(
    lists: Lists, rules: WalkRules, codes: NDArray[np.int64], uniforms: NDArray[np.float64]
) -> dict[str, NDArray]:
    """The references that a walk along `codes` [T+1] draws with `uniforms`, one for each draw.

    goal [T+1,K]: the codes of the one in force from that slot on; goal_from [T+1,2]: the episode
    and the slot that it began at, -1 = none is in force.
    """
    goal = np.zeros((len(codes), lists.last.shape[2]), dtype=np.bool_)
    origin = np.full((len(codes), 2), -1, dtype=np.int64)
    for turn, first in enumerate(range(0, len(codes), rules.interval)):
        place = draw(lists, codes[first], uniforms[turn], rules.softmax)
        if place >= 0:
            in_force = slice(first, first + rules.interval)
            goal[in_force] = lists.last[codes[first], place] >= 0
            origin[in_force] = lists.origin[codes[first], place]
    return {"goal": goal, "goal_from": origin}


def code_map(codebook: Tensor, code_values: NDArray[np.float64]) -> dict[str, NDArray]:
    """The codes on a plane, [K] each: along the two axes on which they differ most, and C_q.

    codebook [K,D]; code_values [K].
    """
    centred = (codebook - codebook.mean(0)).double().cpu()
    axes = torch.linalg.svd(centred, full_matrices=False).Vh[:2]  # [2,D] or [1,D]
    plane = (centred @ axes.T).numpy()
    second = plane[:, 1] if plane.shape[1] > 1 else np.zeros(len(plane))
    return {"code_x": plane[:, 0].copy(), "code_y": second.copy(), "code_value": code_values}
