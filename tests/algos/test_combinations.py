"""Parts that don't go together are refused before anything is collected."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from builders import ONE_AGENT, SMALL, VECTORS

from marl.algos.ippo import IppoConfig
from marl.algos.iql import IqlConfig
from marl.algos.lagma import LagmaConfig
from marl.algos.qmix import QmixConfig
from marl.algos.values import check_mixer
from marl.batch import WON, EpisodeBatch, layout_of, masked_mean
from marl.buffers.episodes import BufferConfig
from marl.buffers.hindsight import HindsightSamplerConfig
from marl.buffers.samplers import SliceSamplerConfig
from marl.buffers.transitions import TransitionBufferConfig
from marl.envs.goals import BitFlipConfig, PointGoalConfig
from marl.errors import ConfigError, UserError
from marl.learners.targets import td_targets
from marl.nets.agents import MlpConfig
from marl.nets.critics import CriticConfig
from marl.protocols.experience import BATCH
from marl.protocols.loop import Progress
from marl.runners.episodes import EpisodeRolloutConfig
from marl.runners.steps import StepRolloutConfig
from marl.single_agent.actor_critic.ddpg import DdpgConfig
from marl.single_agent.actor_critic.td3 import Td3Config
from marl.single_agent.policy_gradient.ppo import PpoConfig
from marl.single_agent.value.dqn import DqnConfig

STEPS, SINGLE = StepRolloutConfig(), TransitionBufferConfig()
WHOLE, EPISODES, HINDSIGHT = EpisodeRolloutConfig(), BufferConfig(), HindsightSamplerConfig()
CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("recipe", "line"),
    [
        (QmixConfig(rollout=STEPS), "whole episodes need rollout.kind=episodes"),
        (QmixConfig(buffer=SINGLE), "whole episodes need .* not episodes and transitions"),
        (LagmaConfig(rollout=STEPS, buffer=SINGLE), "whole episodes need"),
        (QmixConfig(sampler=SliceSamplerConfig(length=1)), "learns from what came before"),
        (
            QmixConfig(agent=MlpConfig(), buffer=SINGLE, sampler=SliceSamplerConfig(length=4)),
            "slices of 4 steps need",
        ),
    ],
)
def test_parts_that_see_too_little_are_refused(recipe, line):
    with pytest.raises(ConfigError, match=line):
        recipe.check(SMALL)


def test_longer_slices_of_single_steps_are_refused_for_td3():
    with pytest.raises(ConfigError, match="slices of 3 steps need"):
        Td3Config(sampler=SliceSamplerConfig(length=3, start=256)).check(VECTORS)


@pytest.mark.parametrize(
    ("recipe", "spec", "line"),
    [
        (DqnConfig(), SMALL, "--config=dqn is for one agent, and test/small has 3; .*=iql"),
        (PpoConfig(), SMALL, "--config=ppo is for one agent, and test/small has 3; .*=ippo"),
        (PpoConfig(), replace(VECTORS, n_agents=2), "test/vectors has 2"),
    ],
)
def test_a_recipe_for_one_agent_is_refused_where_there_are_several(recipe, spec, line):
    with pytest.raises(ConfigError, match=line):
        recipe.check(spec)
    recipe.check(replace(spec, n_agents=1))


def test_what_td3_means_for_several_agents_is_said():
    team, told = replace(VECTORS, n_agents=2), MlpConfig(agent_id=True)
    assert Td3Config().remark(VECTORS) == ""
    alike = "the 2 agents of test/vectors share one policy and its critics, and each learns"
    assert Td3Config().remark(team).startswith(alike)
    assert "critic.agent_id=True tell them apart" in Td3Config().remark(team)
    own = Td3Config(agent=told, critic=CriticConfig(agent_id=True))
    assert own.remark(team).endswith("from the team's reward")


def test_what_recipes_for_several_agents_mean_for_one_is_said():
    assert QmixConfig().remark(SMALL) == LagmaConfig().remark(SMALL) == ""
    assert IqlConfig().remark(ONE_AGENT) == DqnConfig().remark(ONE_AGENT) == ""
    said = QmixConfig().remark(ONE_AGENT)
    assert said.startswith("test/one has one agent: mixer.kind=qmix has its value alone to mix;")
    assert "LAGMA's codes are of the state and its goals" in LagmaConfig().remark(ONE_AGENT)
    seen = replace(ONE_AGENT, state_dim=ONE_AGENT.obs_dim)
    assert "LAGMA's codes are of its observations" in LagmaConfig().remark(seen)


@pytest.mark.parametrize("recipe", [Td3Config, DdpgConfig])
def test_vectors_are_learnt_with_hindsight_from_whole_episodes_alone(recipe):
    spec = PointGoalConfig().build(1, 1).spec
    agent = recipe(rollout=WHOLE, buffer=EPISODES, sampler=HINDSIGHT).build(spec, CPU)
    assert {"goal", "achieved_goal"} <= agent.layout.keys()
    for parts, kinds in (
        ({}, "steps and transitions"),
        ({"rollout": WHOLE}, "episodes and transitions"),
        ({"buffer": EPISODES}, "steps and episodes"),
    ):
        with pytest.raises(ConfigError, match=f"later in an episode, .* not {kinds}"):
            recipe(sampler=HINDSIGHT, **parts).check(spec)
    with pytest.raises(ConfigError, match="hindsight replaces goals, and test/vectors has none"):
        recipe(rollout=WHOLE, buffer=EPISODES, sampler=HINDSIGHT).check(VECTORS)


def test_values_are_learnt_with_hindsight_by_networks_without_a_memory():
    spec = BitFlipConfig().build(1, 1).spec
    DqnConfig(sampler=HINDSIGHT).check(spec)
    with pytest.raises(ConfigError, match=r"hindsight gives single steps, and agent\.kind=rnn"):
        QmixConfig(sampler=HINDSIGHT).check(spec)
    with pytest.raises(ConfigError, match="hindsight replaces goals, and test/one has none"):
        DqnConfig(sampler=HINDSIGHT).check(ONE_AGENT)
    with pytest.raises(ConfigError, match="whole episodes"):
        LagmaConfig(agent=MlpConfig(), sampler=HINDSIGHT).check(spec)


def test_without_hindsight_goals_are_not_stored():
    spec = BitFlipConfig().build(1, 1).spec
    assert "goal" not in DqnConfig().build(spec, CPU).layout


def test_a_memory_is_refused_in_rows_that_begin_within_episodes():
    with pytest.raises(ValueError, match="a memory begins blank in each row"):
        IppoConfig(rollout=StepRolloutConfig(steps=8))


def test_where_no_agent_has_a_choice_nothing_breaks():
    """A minibatch of forced moves: no number of it counts, and none becomes NaN."""
    torch.manual_seed(0)
    learner = PpoConfig().build(ONE_AGENT, torch.device("cpu")).learner
    layout = layout_of(ONE_AGENT, [WON])
    batch = EpisodeBatch.zeros(layout, 2, 1)
    batch.avail[..., 0] = True
    batch.filled.fill_(True)
    batch.reward.fill_(1.0)
    data = batch.with_steps(log_prob=torch.zeros(2, 1, 1))
    metrics = learner.update({BATCH: data}, Progress())
    assert all(torch.isfinite(value) for value in metrics.values())
    assert all(torch.isfinite(parameter).all() for parameter in learner.parameters)
    assert masked_mean(torch.ones(2, 1, 1), torch.zeros(2, 1, 1)).item() == 0.0


def test_the_smallest_change_of_a_recipe_is_still_checked():
    recipe = replace(QmixConfig(), rollout=STEPS)
    with pytest.raises(ConfigError):
        recipe.build(SMALL, torch.device("cpu"))


def test_a_mixer_that_gives_another_number_of_values_is_refused():
    class Doubled(torch.nn.Module):
        def forward(self, values, state):
            return torch.cat([values, values], dim=-1)

    with pytest.raises(ConfigError, match=r"'twice' makes \(2, 6\) of values \(2, 3\)"):
        check_mixer(Doubled(), "twice", SMALL, torch.device("cpu"))


def test_a_bonus_without_its_last_axis_is_refused():
    numbers = torch.zeros(4, 1, 1)
    with pytest.raises(UserError, match=r"the bonus has the shape \(4, 1\); it must be"):
        td_targets(numbers, numbers, numbers, 0.9, bonus=torch.zeros(4, 1))
