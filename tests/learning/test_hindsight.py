"""Learning where the reward says nothing: bits to flip (Andrychowicz et al. 2017, section 3.1)."""

from __future__ import annotations

from pathlib import Path

import pytest

from marl import api


def success(folder: Path, future: float) -> float:
    """Share of 32 greedy episodes that DQN ends at the goal after 60,000 steps of 16 bits."""
    plan = api.plan(
        "dqn",
        "bit_flip",
        bits=16,
        seed=2,
        t_max=60_000,
        test_interval=60_000,
        sampler={"kind": "hindsight", "batch_size": 128, "start": 1000, "future": future},
        results_dir=str(folder),
        progress_bar=False,
        tensorboard=False,
    )
    return api.train(plan).evaluations[-1]["test_success_mean"]


@pytest.mark.slow
def test_hindsight_learns_what_plain_replay_does_not(tmp_path):
    assert success(tmp_path, future=4.0) > 0.5
    assert success(tmp_path, future=0.0) == 0.0
