"""The engine's threads are its own affair."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from marl.envs.smac import Sc2Config


@pytest.mark.parametrize("num_envs", [1, 64])
def test_stepping_battles_leaves_torchs_thread_count_alone(num_envs):
    """A parallel kernel in numba's OpenMP layer would raise it to the number of cores."""
    torch.set_num_threads(1)
    env = Sc2Config(map="3m").build(num_envs, threads=2 if num_envs > 1 else 1)
    env.reset(np.arange(num_envs, dtype=np.uint64))
    env.step(np.ones((num_envs, 3), dtype=np.int64))
    assert torch.get_num_threads() == 1
