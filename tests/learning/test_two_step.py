"""Learning where the optimum is known: QMIX's two-step game (Rashid et al. 2018, section 6.1)."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from marl import seeding
from marl.algos.qmix import QmixConfig
from marl.algos.values import ValueRecipeConfig
from marl.algos.vdn import VdnConfig
from marl.buffers.episodes import BufferConfig
from marl.controllers.exploration import EpsilonConfig
from marl.envs.matrix import TwoStepConfig
from marl.protocols.acting import Behaviour
from marl.protocols.loop import Progress
from marl.runners.episodes import EpisodeRunner
from marl.runners.evaluation import play
from marl.runners.stopwatch import Stopwatch
from marl.seeding import EpisodeSeeds


def greedy_return(recipe: ValueRecipeConfig, episodes: int, seed: int) -> float:
    """Return of the greedy policy after learning from `episodes` random episodes."""
    seeding.seed_everything(seed)
    device = torch.device("cpu")
    env = TwoStepConfig().build(8, 1)
    agent = recipe.build(env.spec, device)
    runner = EpisodeRunner(env, agent.layout, device, Stopwatch())
    seeds = EpisodeSeeds(seed, seeding.TRAIN_EPISODES)
    rng = torch.Generator().manual_seed(seed)
    for episode in range(0, episodes, 8):
        progress = Progress(t_env=2 * episode, episode=episode)
        rollout = runner.collect(Behaviour(agent.actor, progress, rng), seeds)
        agent.buffer.add(rollout.batch)
        if agent.sampler.ready(agent.buffer):
            for _ in range(4):
                agent.learner.update(agent.sampler.sample(agent.buffer, rng), progress)
    test = play(runner, agent.actor, np.zeros(1, dtype=np.uint64))
    return float(test[0].returns[0])


RANDOM = {"epsilon": EpsilonConfig(start=1.0, end=1.0), "buffer": BufferConfig(episodes=500)}


@pytest.mark.parametrize("seed", [0, 1])
def test_qmix_finds_the_joint_optimum_of_8(seed):
    assert greedy_return(QmixConfig(**RANDOM), 1600, seed) == 8.0


def test_vdn_settles_for_the_safe_7():
    """A sum can't hold (0, 1; 1, 8): under uniform play it undervalues daring together."""
    assert greedy_return(VdnConfig(**RANDOM), 1600, 0) == 7.0
