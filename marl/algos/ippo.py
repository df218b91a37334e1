"""IPPO: each agent learns by PPO from the team's reward (de Witt et al. 2020, arXiv:2011.09533).

    loss = -mean min(ratio * A, clip(ratio) * A) + c_v * value loss - c_e * entropy
    A by generalised advantage estimation on V(o_i); one policy and one critic shared by all agents

Values are those of the MAPPO paper's experiments on SMAC (Yu et al. 2022, arXiv:2103.01955,
appendix C): value normalisation, Huber loss, orthogonal weights, dead agents left out of the losses
and zeros before the critic.

Differs from them: a collection is one whole episode of each environment, so that rows begin with
blank memory (there: 400 steps of 8 environments, cut into chunks of 10 steps); four minibatches of
whole episodes (one of chunks: with one, 3m stays at 0.8 here); one optimiser for policy and
critic.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from marl.algos.agent import Agent
from marl.batch import layout_of
from marl.buffers.rollout import RolloutBuffer
from marl.buffers.samplers import AllRows
from marl.controllers.policy import (
    StateValue,
    StateValueConfig,
    StochasticActor,
    StochasticPolicy,
)
from marl.errors import ConfigError
from marl.learners.optimizers import AdamConfig
from marl.learners.policy_gradient import PpoLearner, PpoLearnerConfig
from marl.nets.agents import AgentConfig, RnnConfig
from marl.runners.episodes import EpisodeRolloutConfig
from marl.runners.kinds import OnlineRolloutConfig
from marl.runners.updates import RolloutUpdates
from marl.spec import EnvSpec

SMAC_LEARNER = PpoLearnerConfig(
    epochs=10,
    minibatches=4,
    minibatch="rows",
    value_weight=1.0,
    huber=10.0,
    value_norm=True,
    normalise="collection",
    optimizer=AdamConfig(lr=0.0005, eps=0.00001),
    grad_norm_clip=10.0,
)


@dataclass(frozen=True)
class IppoConfig:
    """Independent proximal policy optimisation."""

    agent: AgentConfig = RnnConfig()  # the policy's network
    critic: StateValueConfig = StateValueConfig(net=RnnConfig())
    learner: PpoLearnerConfig = SMAC_LEARNER
    rollout: OnlineRolloutConfig = EpisodeRolloutConfig()

    def __post_init__(self) -> None:
        """Refuse minibatches of single steps for networks that need what came before."""
        kinds = {self.agent.kind, self.critic.net.kind}
        if "rnn" in kinds and not self.rollout.whole_episodes:
            raise ValueError(
                "rollout.kind: a memory begins blank in each row, so rows must begin with their "
                "episodes; use rollout.kind=episodes, or agent.kind=mlp and critic.net.kind=mlp"
            )
        if self.learner.minibatch == "steps" and "rnn" in kinds:
            raise ValueError(
                "learner.minibatch: single steps have no memory; use learner.minibatch=rows, or "
                "agent.kind=mlp and critic.net.kind=mlp"
            )

    def check(self, spec: EnvSpec) -> None:
        """ConfigError where the recipe and the environment don't go together."""
        if self.critic.input != "obs" and spec.state_dim == 0:
            raise ConfigError(f"critic.input: {spec.name} has no state; use critic.input=obs")

    def check_length(self, t_max: int) -> str:
        """A note where the learning rate will not have fallen to 0 at t_max.

        ConfigError where it falls to 0 before.
        """
        anneal = self.learner.anneal
        if anneal is None or anneal == t_max:
            return ""
        if anneal < t_max:
            raise ConfigError(
                f"learner.anneal: the learning rate is 0 from {anneal:,} environment steps on, and "
                f"t_max is {t_max:,}; set learner.anneal={t_max}, or null to keep the rate"
            )
        return (
            f"at t_max={t_max:,} the learning rate has fallen to {1 - t_max / anneal:.0%}, "
            f"to 0 at learner.anneal={anneal:,}"
        ).replace("%", " %")

    def build(self, spec: EnvSpec, device: torch.device) -> Agent:
        """All parts, on `device` (collections stay on the CPU)."""
        self.check(spec)
        policy = StochasticPolicy(spec, self.agent).to(device)
        critic = StateValue(spec, self.critic).to(device)
        seed = int(torch.randint(2**62, ()))
        actor = StochasticActor(policy)
        layout = layout_of(spec, actor.columns)
        return Agent(
            layout=layout,
            actor=actor,
            learner=PpoLearner(policy, critic, self.learner, seed),
            buffer=RolloutBuffer(layout),
            sampler=AllRows(),
            schedule=RolloutUpdates(),
            rollout=self.rollout,
        )
