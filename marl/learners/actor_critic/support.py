"""Support-constrained learning: a policy that climbs the critics among actions like the data's.

    next value = max over `next_samples` actions a' ~ pi_target(. | s') of
                 c * min_k Q_target,k(s', a') + (1 - c) * max_k Q_target,k(s', a')
    D(s) = divergence of `samples` actions of the data's model and as many of pi, at s
    actor loss = mean over real steps of dual * D(s) - worth(s), of which the first `warm_up`
                 updates have the first term alone
        worth(s): the least, greatest or mean critic's mean value of pi's actions, less
                  `deviation` times the critics' standard deviation
    log dual ascends dual * (mean D - threshold), and stays between bounds

Kumar et al. 2019 (BEAR, arXiv:1906.00949).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from marl.batch import AFTER, BEFORE, EpisodeBatch, masked_mean
from marl.config.schema import option
from marl.controllers.squashed import Gauss, SquashedPolicy
from marl.learners.actor_critic.behaviour import Behaviour, BehaviourLearnerConfig
from marl.learners.actor_critic.followed import FollowedPolicy
from marl.learners.actor_critic.reductions import soft_clipped
from marl.learners.divergences import Kernel, mmd
from marl.learners.optimizers import AdamConfig, OptimizerConfig
from marl.nets.critics import QEnsemble
from marl.nets.optimizing import descend, load_optimizer
from marl.nets.vae import BehaviourVae
from marl.protocols.loop import Metrics, Progress, State

LEAST_VARIANCE = 1e-6  # of the critics, below the root: equal values have a gradient too


@dataclass(frozen=True)
class MmdConfig:
    """Maximum mean discrepancy (marl/learners/divergences.py)."""

    kind: ClassVar[str] = "mmd"
    kernel: Kernel = "laplacian"
    sigma: float = option(20.0, above=0.0)  # width of the kernel
    threshold: float = 0.05  # of the mean, which the dual variable keeps
    squashed: bool = False  # of actions in half-ranges; False: of the numbers before tanh

    def measure(self, data: Tensor, own: Tensor, gauss: Gauss) -> Tensor:
        """Numbers before tanh [N,...,D] of the data's model and of the policy -> [...]."""
        if self.squashed:
            data, own = torch.tanh(data), torch.tanh(own)
        return mmd(self.kernel, self.sigma, data, own)


@dataclass(frozen=True)
class KlConfig:
    """-log pi of actions like the data's: their entropy and the KL of the policy from them."""

    kind: ClassVar[str] = "kl"
    threshold: float = -2.0  # of the mean, which the dual variable keeps, in nats

    def measure(self, data: Tensor, own: Tensor, gauss: Gauss) -> Tensor:
        """Numbers before tanh [N,...,D] of the data's model, and the policy -> [...]."""
        return -gauss.log_prob(data).mean(0)


DivergenceConfig = MmdConfig | KlConfig


@dataclass(frozen=True)
class SupportConfig(BehaviourLearnerConfig):
    """Learning within the data's support; the values of d3rlpy's runs on D4RL are the defaults."""

    divergence: DivergenceConfig = MmdConfig()
    samples: int = option(4, low=1, high=1000)  # actions of either side in it, at each step
    noise_clip: float = option(0.5, above=0.0)  # of the policy's noise in them
    warm_up: int = option(40_000, low=0)  # updates in which the policy keeps to the data alone
    climb: Literal["least", "greatest", "mean"] = "least"  # of the critics, what the actor climbs
    deviation: float = option(0.0, low=0.0)  # weight of the critics' standard deviation
    dual: float = option(1.0, above=0.0)  # weight of the divergence: at first, or for good
    dual_optimizer: OptimizerConfig | None = AdamConfig(
        lr=0.001, eps=0.00000001, fused=True
    )  # null: fixed
    log_dual_low: float = -5.0
    log_dual_high: float = 10.0
    critic_optimizer: OptimizerConfig = AdamConfig(lr=0.0003, eps=0.00000001, fused=True)
    actor_optimizer: OptimizerConfig = AdamConfig(lr=0.0001, eps=0.00000001, fused=True)
    vae_optimizer: OptimizerConfig = AdamConfig(lr=0.0003, eps=0.00000001, fused=True)

    def __post_init__(self) -> None:
        if not self.log_dual_low <= math.log(self.dual) <= self.log_dual_high:
            raise ValueError(
                f"dual: log {self.dual:g} is {math.log(self.dual):.3g} and not within "
                f"log_dual_low={self.log_dual_low:g} and log_dual_high={self.log_dual_high:g}"
            )


class SupportImprovement(FollowedPolicy[SquashedPolicy]):
    """Climbs the critics with a squashed Gaussian policy that stays near the data's actions."""

    def __init__(self, policy: SquashedPolicy, vae: BehaviourVae, config: SupportConfig) -> None:
        super().__init__(policy, config.actor_optimizer)
        self.config = config
        self.behaviour = Behaviour(vae, config)
        device = policy.action_bias.device
        self.log_dual = nn.Parameter(torch.full((), math.log(config.dual), device=device))
        self.learns_dual = config.dual_optimizer is not None
        self.parameters = [
            *self.policy_parameters,
            *self.behaviour.parameters,
            *([self.log_dual] * self.learns_dual),
        ]
        dual_optimizer = config.dual_optimizer or config.actor_optimizer
        self.dual_optimizer = dual_optimizer.build([self.log_dual])

    def prepare(self, batch: EpisodeBatch, rng: torch.Generator) -> Metrics:
        return self.behaviour.learn(batch, rng)

    def next_values(self, batch: EpisodeBatch, critics: QEnsemble, rng: torch.Generator) -> Tensor:
        """Best of the target policy's draws by the soft-clipped target critics, [B,T,A]."""
        gauss = self.target_policy.at(batch, AFTER)
        shape = (self.config.next_samples, *gauss.mean.shape)
        noise = torch.randn(shape, generator=rng).to(gauss.mean.device)
        actions = self.policy.squash(gauss.draw(noise))  # [N,B,T,A,D]
        values = critics.values_of_each(batch, AFTER, actions)  # [K,N,B,T,A]
        return soft_clipped(values, self.config.soft_clip).amax(0)

    def improve(
        self, batch: EpisodeBatch, critics: QEnsemble, progress: Progress, rng: torch.Generator
    ) -> Metrics:
        """A step of the policy, and one of the dual variable."""
        config, filled = self.config, batch.filled
        gauss, noise, apart, worth = self.terms(batch, critics, progress, rng)
        loss = masked_mean(self.log_dual.detach().exp() * apart - worth, filled)
        self.descend(loss)
        distance = masked_mean(apart.detach(), filled)
        if self.learns_dual:
            self.move_dual(distance)
        with torch.no_grad():
            entropy = -masked_mean(gauss.log_prob(gauss.draw(noise[0])), filled)
        return {
            "actor_loss": loss.detach(),
            config.divergence.kind: distance,
            "dual": self.log_dual.detach().exp(),
            "entropy": entropy,
        }

    def terms(
        self, batch: EpisodeBatch, critics: QEnsemble, progress: Progress, rng: torch.Generator
    ) -> tuple[Gauss, Tensor, Tensor, Tensor | float]:
        """What the policy's loss is made of.

        The policy and its noise [N,B,T,A,D], its divergence from the data and the worth of its
        actions, [B,T,A] each; no worth, 0, in the warm-up.
        """
        config = self.config
        data = self.behaviour.numbers(batch.obs[:, BEFORE], config.samples, rng)
        gauss = self.policy.at(batch, BEFORE)
        noise = torch.randn(data.shape, generator=rng).to(data.device)
        own = gauss.draw(noise.clamp(-config.noise_clip, config.noise_clip))
        apart = config.divergence.measure(data, own, gauss)
        if progress.update < config.warm_up:
            return gauss, noise, apart, 0.0
        values = critics.values_of_each(batch, BEFORE, self.policy.squash(own)).mean(1)  # [K,B,T,A]
        return gauss, noise, apart, self.worth(values)

    def worth(self, values: Tensor) -> Tensor:
        """What the policy climbs, of the critics' values: [K,...] -> [...]."""
        if self.config.climb == "mean":
            worth = values.mean(0)
        else:
            worth = values.amin(0) if self.config.climb == "least" else values.amax(0)
        if self.config.deviation > 0.0:
            variance = values.var(0, unbiased=False)
            worth = worth - self.config.deviation * (variance + LEAST_VARIANCE).sqrt()
        return worth

    def move_dual(self, distance: Tensor) -> None:
        """Up where the mean divergence, a number, is above the threshold, else down."""
        loss = -self.log_dual.exp() * (distance - self.config.divergence.threshold)
        descend(loss, self.dual_optimizer, [self.log_dual])
        with torch.no_grad():
            self.log_dual.clamp_(self.config.log_dual_low, self.config.log_dual_high)

    def state_dict(self) -> State:
        return {
            **super().state_dict(),
            "behaviour": self.behaviour.state_dict(),
            "log_dual": self.log_dual.detach(),
            "dual_optimizer": self.dual_optimizer.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        super().load_state_dict(state)
        self.behaviour.load_state_dict(state["behaviour"])
        with torch.no_grad():
            self.log_dual.copy_(state["log_dual"])
        load_optimizer(self.dual_optimizer, state["dual_optimizer"])
