"""DIAYN's intrinsic reward: a step is paid where it shows which skill its episode was told.

    r = weight * clip(scale * log q(z | y_t+1), -1, 0)
    q, a classifier, learns the cross-entropy of z given y

Eysenbach et al. 2019 (arXiv:1802.06070), with the clips of MUSIC's published code, which leaves out
the constant -log p(z). y is a part of what surrounds the agent, z the skill that the environment
drew for the episode (`skills=5`, see marl/envs/skills.py). q learns from the learner's own batch,
from the observations after each step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from marl.batch import Column, EpisodeBatch, masked_mean
from marl.config.schema import option
from marl.errors import ConfigError
from marl.intrinsic.config import BONUSES, BonusConfig
from marl.intrinsic.parts import Part, check_part, each_or_mean, part_of
from marl.nets.agents import perceptron
from marl.nets.optimizing import descend, load_optimizer
from marl.protocols.experience import BATCH, Sampler, Samples
from marl.protocols.loop import Metrics, Progress, State
from marl.spec import EnvSpec

EPS = 1e-8  # of Adam


@BONUSES.add
@dataclass(frozen=True)
class SkillsConfig(BonusConfig):
    """Pay for what shows the episode's skill (DIAYN)."""

    kind: ClassVar[str] = "skills"
    surrounding_state: Part = (3, 6)  # y: numbers first..last-1 of an observation
    weight: float = option(1.0, low=0.0)  # of the bonus
    # Of the log-probability, before the clip: 1 for 2 skills, 0.75 for 3, 0.5 for 5.
    scale: float = option(0.5, above=0.0)
    hidden_dims: tuple[int, ...] = option((128, 128, 128), low=1, high=4096)
    lr: float = option(0.001, above=0.0)

    def check(self, spec: EnvSpec, whole_episodes: bool) -> None:
        """ConfigError where there are no skills, or no such part of an observation."""
        if spec.skills < 2:
            raise ConfigError(
                f"bonus.kind: skills are told apart, and {spec.name} has {spec.skills}; set "
                "skills=5, say, of an environment that takes it (gymnasium, point_goal, point_push)"
            )
        check_part("bonus.surrounding_state", self.surrounding_state, spec)

    def build(self, spec: EnvSpec, gamma: float, device: torch.device) -> SkillBonus:
        return SkillBonus(self, spec, device)


class SkillBonus:
    """Learns to tell skills apart, and pays for being told."""

    columns: tuple[Column, ...] = ()
    samplers: Mapping[str, Sampler] = {}  # it learns from the learner's batch

    def __init__(self, config: SkillsConfig, spec: EnvSpec, device: torch.device) -> None:
        self.config = config
        self.skill = (spec.own_dim, spec.own_dim + spec.skills)  # where z stands
        first, last = config.surrounding_state
        self.network = perceptron(last - first, config.hidden_dims, spec.skills).to(device)
        self.parameters: list[nn.Parameter] = [*self.network.parameters()]
        self.optimizer = torch.optim.Adam(self.parameters, lr=config.lr, eps=EPS, foreach=True)

    def _log_probs(self, batch: EpisodeBatch) -> tuple[Tensor, Tensor]:
        """log q of the episode's skill after each step, and whether it is the likeliest."""
        after = batch.obs[:, 1:]  # [B,T,A,O]
        log_q = self.network(part_of(after, self.config.surrounding_state)).log_softmax(-1)
        told = part_of(after, self.skill)
        right = log_q.argmax(-1) == told.argmax(-1)
        return (log_q * told).sum(-1), right  # [B,T,A] each

    def learn(self, samples: Samples) -> Metrics:
        """One step of the classifier."""
        batch = samples[BATCH]
        log_q, right = self._log_probs(batch)
        loss = -masked_mean(log_q, batch.filled)
        descend(loss, self.optimizer)
        share = masked_mean(right.to(log_q.dtype), batch.filled)
        return {"skill_loss": loss.detach(), "skill_accuracy": share}

    @torch.no_grad()
    def __call__(
        self, batch: EpisodeBatch, bootstrap: Tensor, progress: Progress
    ) -> tuple[Tensor, Metrics]:
        """weight * clip(scale * log q(z | y), -1, 0) of each step, [B,T,A] (or [B,T,1])."""
        scaled = self.config.scale * self._log_probs(batch)[0]
        reward = self.config.weight * scaled.clamp(-1.0, 0.0) * batch.filled
        return each_or_mean(reward, bootstrap), {
            "skill_reward": masked_mean(reward, batch.filled),
            "skill_clipped": masked_mean((scaled <= -1.0).to(scaled.dtype), batch.filled),
        }

    def start_from(self, state: State) -> bool:
        """Take the classifier of another run's bonus; False where that had none."""
        found = state if "classifier" in state else state.get("skills")
        if found is None or "classifier" not in found:
            return False
        self.network.load_state_dict(found["classifier"])
        return True

    def state_dict(self) -> State:
        return {
            "classifier": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        self.network.load_state_dict(state["classifier"])
        load_optimizer(self.optimizer, state["optimizer"])
