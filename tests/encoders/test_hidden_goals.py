"""Who sees goals, and when."""

from __future__ import annotations

import pytest
import torch
from builders import VECTORS

from marl.batch import EpisodeBatch, Layout
from marl.buffers.episodes import BufferConfig
from marl.encoders.normalised import NormalisedConfig
from marl.envs.goals import PointGoalConfig
from marl.errors import ConfigError
from marl.protocols.acting import Behaviour
from marl.protocols.experience import BATCH
from marl.protocols.loop import Progress
from marl.runners.episodes import EpisodeRolloutConfig, ask, to_tensors
from marl.single_agent.actor_critic.td3 import Td3Config
from tests.envs.test_goals import seeds_of

CPU = torch.device("cpu")


def built(goals: str, encoder=None):
    torch.manual_seed(0)
    env = PointGoalConfig().build(64, 1)
    env.reset(seeds_of(*range(64)))
    parts = {"encoder": encoder} if encoder else {}
    recipe = Td3Config(
        goals=goals, rollout=EpisodeRolloutConfig(), buffer=BufferConfig(episodes=64), **parts
    )
    return env, recipe.build(env.spec, CPU)


def acts(env, agent, greedy: bool) -> torch.Tensor:
    late = Progress(t_env=10**6)
    behaviour = Behaviour(agent.actor, late, torch.Generator().manual_seed(0), greedy)
    shown = to_tensors(env.observe(), CPU)
    return ask(behaviour, shown, agent.actor.initial_carry(64)).actions


@pytest.mark.parametrize("encoder", [None, NormalisedConfig()], ids=["raw", "normalised"])
@pytest.mark.parametrize(
    ("goals", "greedy", "seen"),
    [
        ("shown", False, True),
        ("shown", True, True),
        ("tests", False, False),
        ("tests", True, True),
        ("hidden", False, False),
        ("hidden", True, False),
    ],
)
def test_actions_depend_on_goals_that_are_seen(encoder, goals, greedy, seen):
    env, agent = built(goals, encoder)
    one = acts(env, agent, greedy)
    env._goal[:] = env._goal[::-1].copy()  # everything else of the first observation is alike
    other = acts(env, agent, greedy)
    assert torch.equal(one, other) != seen


@pytest.mark.parametrize("goals", ["tests", "hidden"])
def test_what_is_learnt_does_not_depend_on_them(goals):
    learnt = []
    for shift in (0.0, 0.3):
        _, agent = built(goals)
        agent.learner.update({BATCH: transitions(agent.layout, shift)}, Progress(update=1))
        learnt.append([p.clone() for p in agent.learner.parameters])
    for one, other in zip(*learnt, strict=True):
        assert torch.equal(one, other)


def transitions(layout: Layout, shift: float) -> EpisodeBatch:
    """Random ones, whose goals are moved by `shift`."""
    rng = torch.Generator().manual_seed(3)
    batch = EpisodeBatch.zeros(layout, 32, 1)
    batch.obs.copy_(torch.randn(batch.obs.shape, generator=rng))
    batch.actions.copy_(torch.rand(batch.actions.shape, generator=rng))
    batch.reward.copy_(torch.randn(batch.reward.shape, generator=rng))
    batch.filled.fill_(True)
    batch.obs[..., -2:] += shift
    return batch


def test_an_environment_without_goals_is_refused_in_one_line():
    with pytest.raises(ConfigError, match="goals: hidden hides goals, and test/vectors has none"):
        Td3Config(goals="hidden").check(VECTORS)
