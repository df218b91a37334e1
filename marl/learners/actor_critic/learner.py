"""Critics learnt by temporal differences, for every recipe that has an actor beside them.

    y = reward_weight * reward + bonus + gamma^n * (1 - terminated) * next value
    critic loss = sum over k of the mean over real steps of (Q_k(s, a) - y)^2
    target <- (1 - tau) * target + tau * online,            every `target_delay` updates

What the next value is, and how the policy gets better by the critics, is an `Improvement`:
deterministic (DDPG, TD3), soft (SAC), within the data's support (BEAR), perturbed (BCQ). An
`Encoder` says what both see of an observation: itself, or what was learnt of it (iQRL).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from marl.batch import BEFORE, EpisodeBatch, masked_mean
from marl.config.schema import option
from marl.learners.actor_critic.improvement import Improvement, PayingImprovement
from marl.learners.n_step import discount_of, first_transitions
from marl.learners.optimizers import FUSED_ADAM, OptimizerConfig
from marl.learners.targets import td_targets
from marl.nets.critics import QEnsemble
from marl.nets.optimizing import descend, load_optimizer
from marl.nets.soft_update import soft_update
from marl.protocols.experience import BATCH, Samples
from marl.protocols.learning import Encoder, IntrinsicReward, SamplingBonus, WarmStart
from marl.protocols.loop import Metrics, Progress, State


@dataclass(frozen=True)
class CriticLearnerConfig:
    """What learning the critics takes, whatever the policy is; TD3's values are the defaults."""

    gamma: float = option(0.99, low=0.0, high=1.0)
    n_step: int = option(1, low=1, high=1000)  # steps whose rewards count before the next value
    reward_weight: float = 1.0  # of the environment's reward; 0: the bonus alone
    # Targets are cut to this size; null: none is. 1 / (1 - gamma) suits rewards within -1..1.
    target_bound: float | None = option(None, above=0.0)
    tau: float = option(0.005, above=0.0, high=1.0)  # share of the online weights in the targets'
    policy_delay: int = option(2, low=1)  # updates of the critics for each of the actor
    target_delay: int = option(2, low=1)  # updates of the critics for each move of the targets
    critic_optimizer: OptimizerConfig = FUSED_ADAM


class ActorCriticLearner:
    """Learns critics, and has an encoder and a policy learn beside them."""

    def __init__(
        self,
        encoder: Encoder,
        critics: QEnsemble,
        improvement: Improvement,
        bonus: IntrinsicReward,
        config: CriticLearnerConfig,
        seed: int,
    ) -> None:
        """seed: of all that is drawn in an update."""
        self.encoder = encoder
        self.critics = critics
        self.improvement = improvement
        self.bonus = bonus
        self.config = config
        self.target_critics = copy.deepcopy(critics).requires_grad_(False)
        self.parameters = [
            *encoder.parameters,
            *improvement.parameters,
            *critics.parameters(),
        ]
        self.critic_parameters = [*critics.parameters()]
        self.critic_optimizer = config.critic_optimizer.build(self.critic_parameters)
        self.rng = torch.Generator().manual_seed(seed)
        self.last_improved: Metrics = {}

    def update(self, samples: Samples, progress: Progress) -> Metrics:
        """One gradient step of encoder and critics, and of the policy when it is due."""
        metrics = self.encoder.learn(samples[BATCH])
        if isinstance(self.bonus, SamplingBonus):
            metrics |= self.bonus.learn(samples)
        shown = self.transitions(samples[BATCH])
        batch = self.encoder.encoded(shown)
        metrics |= self.improvement.prepare(batch, self.rng)
        loss, found = self.critic_loss(batch, progress, shown)
        descend(loss, self.critic_optimizer, self.critic_parameters)
        update, config = progress.update + 1, self.config
        improves = update % config.policy_delay == 0
        if improves:
            self.last_improved = self.improvement.improve(batch, self.critics, progress, self.rng)
        if update % config.target_delay == 0:
            soft_update(self.target_critics.parameters(), self.critic_parameters, config.tau)
            if improves:
                self.improvement.follow(config.tau)
        return {"loss": loss.detach(), **self.last_improved, **found, **metrics}

    def transitions(self, batch: EpisodeBatch) -> EpisodeBatch:
        """What the critics learn from, not yet encoded: n steps folded into one where n > 1."""
        if self.config.n_step > 1 or (self.encoder.slices > 1 and batch.steps > 1):
            return first_transitions(batch, self.config.n_step, self.config.gamma)
        return batch

    def critic_loss(
        self, batch: EpisodeBatch, progress: Progress, shown: EpisodeBatch | None = None
    ) -> tuple[Tensor, Metrics]:
        """Sum over the critics of the mean squared TD error, and what it is made of.

        batch: transitions with encoded observations; shown: the same with the environment's, for
        the bonus (None: there is no encoder).
        """
        actions = self.improvement.vectors(batch.actions)
        values = self.critics.values(batch, BEFORE, actions)  # [K,B,T,G]
        with torch.no_grad():
            bootstrap = self.improvement.next_values(batch, self.target_critics, self.rng)
        bonus, bonus_metrics = self.bonus(batch if shown is None else shown, bootstrap, progress)
        if isinstance(self.improvement, PayingImprovement):
            paid, paid_metrics = self.improvement.pay(batch, self.rng)
            if bootstrap.shape[-1] == 1:  # one value for the team: paid for all agents
                paid = paid.sum(-1, keepdim=True)
            bonus, bonus_metrics = bonus + paid, bonus_metrics | paid_metrics
        reward = batch.reward
        if self.config.reward_weight != 1.0:
            reward = self.config.reward_weight * reward
        gamma = discount_of(batch, self.config.gamma)
        targets = td_targets(reward, batch.terminated, bootstrap, gamma, bonus)  # [B,T,G]
        if targets.shape != values.shape[1:]:
            raise ValueError(f"targets are {tuple(targets.shape)}, values {tuple(values.shape)}")
        if self.config.target_bound is not None:
            targets = targets.clamp(-self.config.target_bound, self.config.target_bound)
        errors = values - targets
        loss = masked_mean(errors.square(), batch.filled) * len(errors)
        with torch.no_grad():
            metrics = {
                "td_error_abs": masked_mean(errors.abs(), batch.filled),
                "q_taken_mean": masked_mean(values, batch.filled),
                "target_mean": masked_mean(targets, batch.filled),
            }
        return loss, {**metrics, **bonus_metrics}

    def start_from(self, state: State) -> bool:
        """Take the weights of another run's learner, and of its bonus where that is alike.

        Optimisers and what is drawn start afresh. KeyError or another error where it has other
        networks.
        """
        fresh, kept = self.state_dict(), ("bonus", "rng", "last_improved")
        taken = {name: part for name, part in state.items() if name not in kept}
        self.load_state_dict({**fresh, **with_optimizers_of(fresh, taken)})
        return isinstance(self.bonus, WarmStart) and self.bonus.start_from(state["bonus"])

    def state_dict(self) -> State:
        return {
            "encoder": self.encoder.state_dict(),
            "improvement": self.improvement.state_dict(),
            "critics": self.critics.state_dict(),
            "target_critics": self.target_critics.state_dict(),
            "critic_optimizer": self.critic_optimizer.state_dict(),
            "bonus": self.bonus.state_dict(),
            "rng": self.rng.get_state(),
            "last_improved": self.last_improved,
        }

    def load_state_dict(self, state: State) -> None:
        self.encoder.load_state_dict(state["encoder"])
        self.improvement.load_state_dict(state["improvement"])
        self.critics.load_state_dict(state["critics"])
        self.target_critics.load_state_dict(state["target_critics"])
        load_optimizer(self.critic_optimizer, state["critic_optimizer"])
        self.bonus.load_state_dict(state["bonus"])
        self.rng.set_state(state["rng"].cpu())
        self.last_improved = dict(state["last_improved"])


def with_optimizers_of(fresh: State, state: State) -> State:
    """The state with the optimisers of a fresh one, whose names end so."""
    found: State = {}
    for name, part in state.items():
        own = fresh[name]
        if name.endswith("optimizer"):
            found[name] = own
        else:
            inside = isinstance(part, Mapping) and isinstance(own, Mapping)
            found[name] = with_optimizers_of(own, part) if inside else part
    return found
