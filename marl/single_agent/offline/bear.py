"""BEAR: offline, among actions that the data supports (Kumar et al. 2019, arXiv:1906.00949).

    y = r + gamma * (1 - terminated) * max over 10 a' ~ pi_target(. | s') of
        0.75 * min_k Q_target,k(s', a') + 0.25 * max_k Q_target,k(s', a')
    the actor descends alpha * MMD(data's model, pi; s) - min_k mean over pi's draws of Q_k(s, a)
    log alpha ascends alpha * (mean MMD - 0.05), between -5 and 10
    acting: of 10 draws the one that Q_1 thinks best

Differs from the paper and its code:
- The values are d3rlpy's of its runs on D4RL (Seno and Imai 2022): networks of 256-256, batches of
  256 (400-300 and 100), Adam at 1e-4 for the actor, 3e-4 for critics and model (1e-3), a laplacian
  kernel of sigma 20 (the authors advise 10, or gaussian with 20), 4 draws of either side (5).
  d3rlpy acts by the best of 100 draws and takes targets from the policy itself; here 10 and its
  target copy, as in the authors' code; and the actor climbs the mean of the same draws that the MMD
  has, where d3rlpy takes one of SAC's, with SAC's entropy.
- The warm-up, in which the actor only keeps to the data, counts updates, 40,000 as in d3rlpy: the
  authors' 20 calls of a function between two evaluations are 20,000 to 100,000.
- The dual variable starts at 1, not at exp(N(0, 1)), and its step takes the divergence from before
  the actor's step: the authors' goes back through weights that have changed since.
- The log standard deviation of the actor's numbers is kept within -5..2; theirs has no bounds.
- The data's model is never trained through by the MMD, a gradient which they compute and discard.
- `learner.deviation`, their lambda * sqrt((1 - delta) / delta), has 1e-6 below the root, so that
  critics that agree have a gradient. Their random masks over critics are left out.
- The MMD compares numbers before tanh, as their code does; `learner.divergence.squashed=True`
  compares actions. It is one state's own, and its mean counts.
- A greedy actor has the same ten noises at every step, kept in the checkpoint: it draws nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from marl.algos.actor_critic import ActorCriticRecipeConfig
from marl.buffers.kinds import SamplerConfig
from marl.buffers.samplers import SliceSamplerConfig
from marl.controllers.candidates import CandidateActor, CandidatePolicy, CandidatesConfig
from marl.learners.actor_critic.improvement import Improvement
from marl.learners.actor_critic.support import SupportConfig, SupportImprovement
from marl.nets.critics import CriticConfig, QEnsemble
from marl.nets.vae import VaeConfig
from marl.protocols.acting import Actor
from marl.spec import EnvSpec


@dataclass(frozen=True)
class BearConfig(ActorCriticRecipeConfig):
    """Bootstrapping error accumulation reduction."""

    critic: CriticConfig = CriticConfig()
    learner: SupportConfig = SupportConfig()
    vae: VaeConfig = VaeConfig()
    acting: CandidatesConfig = CandidatesConfig()
    sampler: SamplerConfig = SliceSamplerConfig(batch_size=256, start=256)

    def parts(self, spec: EnvSpec, device: torch.device) -> tuple[Improvement, Actor, QEnsemble]:
        policy = CandidatePolicy(spec, self.agent, self.acting).to(device)
        critics = self.critic.build(spec).to(device)
        improvement = SupportImprovement(policy, self.vae.build(spec).to(device), self.learner)
        return improvement, CandidateActor(policy, critics), critics
