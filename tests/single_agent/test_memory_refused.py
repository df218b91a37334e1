"""What actor-critic recipes ask of the steps before, and refuse where they are not there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from marl.algos.maddpg import MaddpgConfig, TeamLearnerConfig
from marl.buffers.samplers import SliceSamplerConfig
from marl.errors import ConfigError
from marl.nets.agents import MlpConfig, RnnConfig
from marl.single_agent.actor_critic.iqrl import IqrlConfig
from marl.single_agent.actor_critic.sac import SacConfig
from marl.single_agent.actor_critic.td3 import Td3Config
from tests.builders import SMALL, VECTORS

FOLDED = {"learner": TeamLearnerConfig(n_step=3), "sampler": SliceSamplerConfig(length=3)}


@pytest.mark.parametrize(
    ("recipe", "spec", "said"),
    [
        (Td3Config(agent=RnnConfig()), VECTORS, "agent.kind: rnn learns from what came before"),
        (SacConfig(agent=RnnConfig()), VECTORS, "agent.kind: rnn learns from what came before"),
        (IqrlConfig(agent=RnnConfig()), VECTORS, "agent.kind: rnn learns from what came before"),
        (MaddpgConfig(**FOLDED), SMALL, "agent.kind: rnn learns from what came before"),
        (MaddpgConfig(agent=MlpConfig(), **FOLDED), SMALL, "agent.last_action: of n steps"),
    ],
    ids=["td3", "sac", "iqrl", "maddpg", "last_action"],
)
def test_what_needs_the_steps_before_is_refused_in_one_line(recipe, spec, said):
    with pytest.raises(ConfigError, match=said) as refusal:
        recipe.check(spec)
    assert "\n" not in str(refusal.value)


def test_options_for_the_other_kind_of_actions_are_refused():
    for name, value, spec in (("cloning", 2.5, SMALL), ("temperature", 0.5, VECTORS)):
        recipe = MaddpgConfig(learner=replace(TeamLearnerConfig(), **{name: value}))
        with pytest.raises(ConfigError, match=f"learner.{name}: "):
            recipe.check(spec)
