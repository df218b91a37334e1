"""Parts of LAGMA's memory to look at beside one episode."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from marl.intrinsic.lagma.trajectories import Lists, WalkRules, draw
from marl.quantizers.plane import main_plane


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
    places = main_plane(codebook).project(codebook.detach().cpu()).numpy()  # [K,2]
    return {"code_x": places[:, 0].copy(), "code_y": places[:, 1].copy(), "code_value": code_values}
