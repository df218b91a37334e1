"""BCQ: offline, the data's actions and small moves (Fujimoto et al. 2019, arXiv:1812.02900).

    pi(s, a) = clip(a + 0.05 * half-range * tanh(xi(s, a))),  a = decoded(s, z) of the data's model
    y = r + gamma * (1 - terminated) * max over 10 a' = pi_target(s', .) of
        0.75 * min_k Q_target,k(s', a') + 0.25 * max_k Q_target,k(s', a')
    xi climbs Q_1(s, pi(s, a)); acting: of 100 draws the one that Q_1 thinks best

Networks of 400-300 (750-750 for the model), Adam at 1e-3, batches of 100, as in the authors' code.
Differs from it: the model learns actions in half-ranges, so that its loss does not depend on their
unit; a greedy actor has the same hundred latents at every step, kept in the checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from marl.algos.actor_critic import ActorCriticRecipeConfig
from marl.buffers.kinds import SamplerConfig
from marl.buffers.samplers import SliceSamplerConfig
from marl.controllers.candidates import CandidateActor
from marl.controllers.perturbed import Perturbation, PerturbedConfig, PerturbedPolicy
from marl.errors import ConfigError
from marl.learners.actor_critic.improvement import Improvement
from marl.learners.actor_critic.perturbed import PerturbedImprovement, PerturbedLearnerConfig
from marl.nets.agents import AgentConfig, MlpConfig
from marl.nets.critics import CriticConfig, QEnsemble
from marl.nets.vae import VaeConfig
from marl.protocols.acting import Actor
from marl.spec import EnvSpec


@dataclass(frozen=True)
class BcqConfig(ActorCriticRecipeConfig):
    """Batch-constrained Q-learning of continuous actions; the authors' values are the defaults."""

    agent: AgentConfig = MlpConfig(hidden_dims=(400, 300), agent_id=False, last_action=False)
    critic: CriticConfig = CriticConfig(hidden_dims=(400, 300))
    learner: PerturbedLearnerConfig = PerturbedLearnerConfig()
    vae: VaeConfig = VaeConfig()
    acting: PerturbedConfig = PerturbedConfig()
    sampler: SamplerConfig = SliceSamplerConfig(batch_size=100, start=100)

    def check(self, spec: EnvSpec) -> None:
        """ConfigError where the recipe and the environment don't go together."""
        super().check(spec)
        if not isinstance(self.agent, MlpConfig) or self.agent.last_action:
            raise ConfigError(
                "agent: BCQ moves an action by the observation alone; "
                "set agent.kind=mlp agent.last_action=False"
            )

    def parts(self, spec: EnvSpec, device: torch.device) -> tuple[Improvement, Actor, QEnsemble]:
        assert isinstance(self.agent, MlpConfig)  # checked
        critics = self.critic.build(spec).to(device)
        policy = PerturbedPolicy(
            self.vae.build(spec),
            Perturbation(spec, self.agent, self.acting.phi),
            self.acting.candidates,
            self.learner.latent_clip,
        ).to(device)
        improvement = PerturbedImprovement(policy, self.learner)
        return improvement, CandidateActor(policy, critics), critics
