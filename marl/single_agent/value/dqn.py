"""DQN: independent Q-learning with one agent (Mnih et al. 2015, doi:10.1038/nature14236).

    y = r + gamma * (1 - terminated) * Q_target(s', argmax_a Q(s', a))
    loss = mean over sampled transitions of (Q(s, a) - y)^2

There is no code of its own here but the refusal of several agents: a transition is a slice of one
step, the Independent mixer of one agent is the agent, and only the defaults differ from IQL's.

Differs from the paper:
- double Q (van Hasselt et al. 2016, arXiv:1509.06461); `learner.double_q=False` is the paper's max.
- a perceptron on vectors (120 and 84 units, as in CleanRL's classic control) instead of a
  convolutional network on stacked frames, so no frame skip, no reward clipping, no life loss.
- Adam instead of RMSProp; the squared error is not clipped to a linear one unless
  `learner.loss=huber`, the norm of the gradient is clipped instead.
- whole episodes are collected before the updates that their steps are due, so the policy is
  constant within an episode; the ratio of updates to environment steps is kept.
- an episode cut off by a time limit bootstraps from its last observation.
- sizes for short training: replay of 10,000 steps (1,000,000 there), batches of 128 (32), an update
  every 10 steps (4), a target copy every 50 updates (10,000). configs/algs/dqn.yaml has values
  tuned on CartPole.
"""

from __future__ import annotations

from dataclasses import dataclass

from marl.algos.iql import IqlConfig
from marl.buffers.episodes import BufferConfig
from marl.buffers.kinds import ReplayConfig, SamplerConfig
from marl.buffers.samplers import SliceSamplerConfig
from marl.controllers.exploration import EpsilonConfig
from marl.learners.optimizers import AdamConfig
from marl.learners.q import QLearnerConfig
from marl.nets.dueling import ValueAgentConfig, ValueMlpConfig
from marl.runners.kinds import UpdatesConfig
from marl.runners.updates import ReplayUpdatesConfig
from marl.single_agent.one_agent import check_one_agent
from marl.spec import EnvSpec


@dataclass(frozen=True)
class DqnConfig(IqlConfig):
    """Deep Q-learning; CleanRL's classic-control values are the defaults."""

    agent: ValueAgentConfig = ValueMlpConfig(
        hidden_dims=(120, 84), agent_id=False, last_action=False
    )
    learner: QLearnerConfig = QLearnerConfig(
        optimizer=AdamConfig(lr=0.00025, eps=0.00000001),
        target_update_interval=50,
        target_update_unit="updates",
    )
    epsilon: EpsilonConfig = EpsilonConfig(anneal=250_000)
    buffer: ReplayConfig = BufferConfig(steps=10_000)
    sampler: SamplerConfig = SliceSamplerConfig(batch_size=128, start=1_000)
    updates: UpdatesConfig = ReplayUpdatesConfig(per_episode=0.0, per_step=0.1)

    def check(self, spec: EnvSpec) -> None:
        """ConfigError where this recipe and that environment don't go together."""
        check_one_agent(spec, "dqn", "iql (the same for several), vdn or qmix")
        super().check(spec)
