"""An agent that nobody pays learns to push: what MUSIC claims, on the point and its puck."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from marl import api
from marl.envs.pushing import PointPushConfig


def displacement(folder: Path, seed: int) -> float:
    """How far the puck lies from its first place after 64 greedy episodes, on the mean."""
    plan = api.plan(
        "music_point_push",
        "point_push",
        seed=seed,
        t_max=10_000,
        test_interval=10_000,
        results_dir=str(folder),
        progress_bar=False,
        tensorboard=False,
    )
    return api.train(plan).evaluations[-1]["test_object_displacement_mean"]


def of_random_actions() -> float:
    """The same of uniform actions, over 512 episodes."""
    env = PointPushConfig().build(512, 1)
    env.reset(np.arange(512, dtype=np.uint64))
    rng = np.random.default_rng(0)
    for _ in range(50):
        env.step(rng.uniform(-1.0, 1.0, (512, 1, 2)).astype(np.float32))
    return float(env.outcomes()["object_displacement"].mean())


@pytest.mark.slow
def test_the_puck_is_moved_far_beyond_what_random_actions_do(tmp_path):
    chance = of_random_actions()
    assert 0.005 < chance < 0.03
    moved = [displacement(tmp_path, seed) for seed in (1, 2, 3)]
    assert min(moved) > 3 * chance, moved
    assert np.mean(moved) > 6 * chance, moved
