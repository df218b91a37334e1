"""Training by steps in environments whose episodes may break off, as the game's do."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
from builders import SMALL, NoiseEnv

from marl.cli.arguments import split
from marl.cli.resolve import make_plan
from marl.protocols.environments import Breakable, Step
from marl.run.train import train
from marl.run.trainer import Trainer

STEPS = 8  # of each environment in a collection
SETTINGS = [
    "num_envs=4",
    "t_max=600",
    "test_interval=600",
    "test_episodes=4",
    "log_interval=100",
    "seed=3",
    "tensorboard=False",
    "progress_bar=False",
    "agent.kind=mlp",
    "rollout.kind=steps",
    f"rollout.steps={STEPS}",
]
RECIPES = {
    "ippo": ["critic.net.kind=mlp", "learner.epochs=2"],
    "iql": [
        "buffer.kind=transitions",
        "buffer.steps=5000",
        "sampler.kind=slices",
        "updates.per_episode=0.5",
    ],
}


class BreakingEnv(NoiseEnv):
    """Breaks off every third episode at its end, and what it then shows and pays is NaN."""

    def __init__(self, num_envs: int) -> None:
        super().__init__(SMALL, num_envs)
        self.ended = self.dropped = 0
        self._broken = np.zeros(num_envs, dtype=np.bool_)

    def reset(self, seeds, rows=None):
        self._broken[slice(None) if rows is None else rows] = False
        super().reset(seeds, rows)

    def step(self, actions):
        ends = self._left == 1
        breaks = ends & ((self.ended + ends.cumsum()) % 3 == 0)
        self.ended += int(ends.sum())
        reward, terminated, truncated = super().step(actions)
        self.dropped += int(breaks.sum())
        self._broken |= breaks
        for shown in (self._obs, self._state, reward):
            shown[breaks] = np.nan
        return Step(reward, terminated & ~breaks, truncated | breaks)

    def broken(self):
        return self._broken

    def incidents(self):
        return {"env_episodes_dropped": float(self.dropped)}


@dataclass(frozen=True)
class BreakingConfig:
    kind: ClassVar[str] = "breaking"

    def build(self, num_envs: int, threads: int) -> BreakingEnv:
        return BreakingEnv(num_envs)


@pytest.mark.parametrize("recipe", RECIPES)
def test_what_breaks_off_is_counted_and_not_learnt_from(recipe, tmp_path):
    words = [*SETTINGS, *RECIPES[recipe], f"results_dir={tmp_path}"]
    plan = make_plan(split([f"--config={recipe}", "--env-config=two_step", "with", *words]))
    trainer = Trainer(replace(plan, env=BreakingConfig()))
    env = trainer.env
    assert isinstance(env, Breakable)
    kept, asked = [], []
    collect = trainer.runner.collect

    def watched(*arguments):
        rollout = collect(*arguments)
        kept.append(rollout.steps)
        asked.append(4 * STEPS)
        assert all(rollout.batch[name].isfinite().all() for name in ("obs", "state", "reward"))
        assert np.isfinite(rollout.returns).all()
        return rollout

    trainer.runner.collect = watched
    summary = train(trainer)
    assert summary.t_env == sum(kept) < sum(asked)
    assert trainer.counters.update > 10
    lines = [json.loads(line) for line in (trainer.folder / "metrics.jsonl").open()]
    dropped = [line["env_episodes_dropped"] for line in lines if "env_episodes_dropped" in line]
    assert dropped == sorted(dropped)
    assert dropped[-1] > 20
    assert all(np.isfinite(list(line.values())).all() for line in lines)
