"""Battles as states with what was earned from them on."""

import numpy as np
import torch

from marl.algos.qmix import QmixConfig
from marl.envs.matrix import TwoStepConfig
from marl.protocols.acting import Behaviour
from marl.run.battles import play_battles
from marl.runners.episodes import EpisodeRunner
from marl.runners.stopwatch import Stopwatch

CPU = torch.device("cpu")


def test_states_follow_battle_by_battle_with_the_returns_from_there_on():
    env = TwoStepConfig().build(2, 1)
    torch.manual_seed(0)
    agent = QmixConfig().build(env.spec, CPU)
    runner = EpisodeRunner(env, agent.layout, CPU, Stopwatch())
    behaviour = Behaviour(agent.actor, rng=torch.Generator().manual_seed(3))
    battles = play_battles(runner, behaviour, np.arange(5, dtype=np.uint64), gamma=0.5)
    assert battles.count == 5
    assert battles.battle.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]
    assert battles.slot.tolist() == [0, 1, 2] * 5
    assert battles.is_last.tolist() == [False, False, True] * 5
    returns = battles.returns.reshape(5, 3)
    assert returns[:, 2].tolist() == [0.0] * 5
    assert torch.equal(returns[:, 0], 0.5 * returns[:, 1])  # the first step pays nothing
    assert set(returns[:, 1].tolist()) <= {0.0, 1.0, 7.0, 8.0}
    assert battles.states.shape == (15, env.spec.state_dim)
    assert not battles.won.any()  # it tells of no wins
