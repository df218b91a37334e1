"""Discounted rewards-to-go of whole episodes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def returns_to_go(
    reward: NDArray[np.float32], filled: NDArray[np.bool_], gamma: float
) -> NDArray[np.float64]:
    """R_t = r_t + gamma * R_{t+1} at every slot; 0 at the final slot and in padding.

    reward, filled: [B,T] -> [B,T+1]. The environment's reward alone, even of an episode that a
    time limit cut off: what would have followed is not guessed.
    """
    steps = reward.shape[1]
    by_time = np.where(filled, reward, 0.0).T.astype(np.float64)  # [T,B]
    returns = np.zeros((steps + 1, reward.shape[0]))
    for t in range(steps - 1, -1, -1):
        returns[t] = by_time[t] + gamma * returns[t + 1]
    return np.ascontiguousarray(returns.T)
