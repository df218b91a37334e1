"""PPO: IPPO with one agent (Schulman et al. 2017, arXiv:1707.06347).

    loss = -mean min(ratio * A, clip(ratio) * A) + c_v * value loss - c_e * entropy

There is no code of its own here but the refusal of several agents: only the defaults differ from
IPPO's. They are CleanRL's for classic control: 4 environments of 128 steps, 4 epochs of 4
minibatches, tanh networks.

Differs from CleanRL: an episode cut off by a time limit bootstraps from its last observation (it
counts as ended there); the learning rate falls only where `learner.anneal` says until when;
observations and rewards of continuous tasks are not normalised.
"""

from __future__ import annotations

from dataclasses import dataclass

from marl.algos.ippo import IppoConfig
from marl.controllers.policy import StateValueConfig
from marl.learners.policy_gradient import PpoLearnerConfig
from marl.nets.agents import AgentConfig, MlpConfig
from marl.runners.kinds import OnlineRolloutConfig
from marl.runners.steps import StepRolloutConfig
from marl.single_agent.one_agent import check_one_agent
from marl.spec import EnvSpec

TANH = MlpConfig(hidden_dims=(64, 64), activation="tanh", agent_id=False, last_action=False)


@dataclass(frozen=True)
class PpoConfig(IppoConfig):
    """Proximal policy optimisation; CleanRL's values for classic control are the defaults."""

    agent: AgentConfig = TANH
    critic: StateValueConfig = StateValueConfig(net=TANH)
    learner: PpoLearnerConfig = PpoLearnerConfig()
    rollout: OnlineRolloutConfig = StepRolloutConfig(steps=128)

    def check(self, spec: EnvSpec) -> None:
        """ConfigError where the recipe and the environment don't go together."""
        check_one_agent(spec, "ppo", "ippo (the same for several) or mappo")
        super().check(spec)
