"""PpoLearner: clipped policy gradients for any number of agents.

    ratio = pi(a | o) / pi_old(a | o)
    policy loss = -mean min(ratio * A, clip(ratio, 1 - e, 1 + e) * A)
    value loss = mean (V - target)^2 / 2, or Huber's; where `value_clip` is set, the larger one of
        it and of the loss with V kept within value_clip of its old value
    loss = policy loss + value_weight * value loss - entropy_weight * entropy

A by generalised advantage estimation, target = A + V_old. Means are over the agents that have a
choice, at the real steps. PPO (Schulman et al. 2017, arXiv:1707.06347) has one agent; IPPO (de Witt
et al. 2020, arXiv:2011.09533) several, each with the value of its own observation; MAPPO (Yu et al.
2022, arXiv:2103.01955) values of the state. The batch says which.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import huber_loss

from marl.batch import BEFORE, EpisodeBatch, masked_mean, single_steps
from marl.config.schema import option
from marl.controllers.policy import LOG_PROB, StateValue, StochasticPolicy, has_choice
from marl.learners.advantages import gae, normalised
from marl.learners.optimizers import AdamConfig, OptimizerConfig
from marl.learners.value_norm import NoValueNorm, ValueNorm
from marl.nets.optimizing import load_optimizer
from marl.protocols.experience import BATCH, Samples
from marl.protocols.learning import Channels
from marl.protocols.loop import Metrics, Progress, State


@dataclass(frozen=True)
class PpoLearnerConfig:
    """Clipped policy gradients; CleanRL's values for discrete actions are the defaults."""

    gamma: float = option(0.99, low=0.0, high=1.0)
    gae_lambda: float = option(0.95, low=0.0, high=1.0)
    epochs: int = option(4, low=1)  # passes over a collection
    minibatches: int = option(4, low=1)  # of each pass
    # steps: minibatches of single steps, for networks without memory; rows: of whole rows.
    minibatch: Literal["steps", "rows"] = "steps"
    clip: float = option(0.2, above=0.0)
    value_clip: float | None = option(0.2, above=0.0)  # null: the value loss is not clipped
    value_weight: float = option(0.5, low=0.0)
    huber: float | None = option(None, above=0.0)  # errors beyond it count linearly; null: none
    value_norm: bool = False  # the critic learns targets of mean 0 and deviation 1
    entropy_weight: float = option(0.01, low=0.0)
    # Advantages of mean 0 and deviation 1 in each minibatch, or in the whole collection.
    normalise: Literal["minibatch", "collection", "none"] = "minibatch"
    optimizer: OptimizerConfig = AdamConfig(lr=0.00025, eps=0.00001)
    # Environment steps in which lr falls to 0, in a straight line; null: it stays as it is.
    anneal: int | None = option(None, low=1)
    grad_norm_clip: float = option(0.5, above=0.0)


class PpoLearner:
    """Learns a policy and a critic from what the policy itself has just collected."""

    def __init__(
        self, policy: StochasticPolicy, critic: StateValue, config: PpoLearnerConfig, seed: int
    ) -> None:
        """seed: of the minibatches."""
        self.policy = policy
        self.critic = critic
        self.config = config
        self.value_norm: ValueNorm | NoValueNorm = NoValueNorm()
        if config.value_norm:
            self.value_norm = ValueNorm().to(next(critic.parameters()).device)
        self.parameters = [*policy.parameters(), *critic.parameters()]
        self.optimizer = config.optimizer.build(self.parameters)
        self.rng = torch.Generator().manual_seed(seed)

    def update(self, samples: Samples, progress: Progress) -> Metrics:
        """All epochs on one collection. Returns the means over their minibatches."""
        config = self.config
        data = self.prepare(samples[BATCH])
        rows = single_steps(data) if config.minibatch == "steps" else data
        if config.anneal is not None:
            # As of the collection's beginning, so that the last one is learnt from too.
            begun = max(0, progress.t_env - int(samples[BATCH].lengths.sum()))
            left = max(0.0, 1.0 - begun / config.anneal)
            for group in self.optimizer.param_groups:
                group["lr"] = config.optimizer.lr * left
        found: list[Metrics] = []
        for _ in range(config.epochs):
            order = torch.randperm(rows.size, generator=self.rng).to(rows.filled.device)
            for chosen in order.tensor_split(min(config.minibatches, rows.size)):
                found.append(self._step(rows.take(chosen)))
        return {name: torch.stack([one[name] for one in found]).mean() for name in found[0]}

    @torch.no_grad()
    def prepare(self, batch: EpisodeBatch) -> EpisodeBatch:
        """The batch with what stays fixed over all epochs.

        advantage, target, old_value: [B,T,A], the last two as the critic gives them (normalised);
        active: [B,T,A] bool, the agents that count.
        """
        config = self.config
        values = self.critic.values(batch)  # [B,T+1,A]
        scaled = self.value_norm.denormalise(values)
        advantage = gae(
            batch.reward, batch.terminated, batch.filled, scaled, config.gamma, config.gae_lambda
        )
        active = has_choice(batch)[:, BEFORE] & batch.filled
        target = advantage + scaled[:, BEFORE]
        self.value_norm.update(target[active])
        if config.normalise == "collection":
            advantage = normalised(advantage, active)
        return batch.with_steps(
            advantage=advantage,
            target=self.value_norm.normalise(target),
            old_value=values[:, BEFORE],
            active=active,
        )

    def _step(self, batch: EpisodeBatch) -> Metrics:
        """One gradient step on a minibatch."""
        loss, metrics = self.loss(batch)
        self.optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.parameters, self.config.grad_norm_clip)
        self.optimizer.step()
        return {"loss": loss.detach(), "grad_norm": norm, **metrics}

    def loss(self, batch: EpisodeBatch) -> tuple[Tensor, Metrics]:
        """The loss of a prepared minibatch, and what it is made of."""
        config, active = self.config, batch["active"]
        advantage = batch["advantage"]
        if config.normalise == "minibatch":
            advantage = normalised(advantage, active)
        log_prob, entropy = self.policy.evaluate(batch)  # [B,T,A] each
        log_ratio = log_prob - batch[LOG_PROB]
        ratio = log_ratio.exp()
        clipped = ratio.clamp(1.0 - config.clip, 1.0 + config.clip)
        policy_loss = -masked_mean(torch.min(ratio * advantage, clipped * advantage), active)
        value_loss = masked_mean(self._value_errors(batch), active)
        mean_entropy = masked_mean(entropy, active)
        loss = policy_loss + config.value_weight * value_loss - config.entropy_weight * mean_entropy
        with torch.no_grad():
            outside = ((ratio - 1.0).abs() > config.clip).float()
            metrics = {
                "policy_loss": policy_loss,
                "value_loss": value_loss,
                "entropy": mean_entropy,
                "approx_kl": masked_mean(ratio - 1.0 - log_ratio, active),
                "clip_fraction": masked_mean(outside, active),
            }
        return loss, {name: value.detach() for name, value in metrics.items()}

    def _value_errors(self, batch: EpisodeBatch) -> Tensor:
        """The value loss of each agent and step, [B,T,A]."""
        values, target, old = self.critic.values(batch, BEFORE), batch["target"], batch["old_value"]
        errors = self._distance(values, target)
        if self.config.value_clip is None:
            return errors
        reach = self.config.value_clip
        near = old + (values - old).clamp(-reach, reach)
        return torch.max(errors, self._distance(near, target))

    def _distance(self, values: Tensor, target: Tensor) -> Tensor:
        if self.config.huber is None:
            return 0.5 * (values - target).square()
        return huber_loss(values, target, reduction="none", delta=self.config.huber)

    @torch.no_grad()
    def explain(self, batch: EpisodeBatch) -> Channels:
        """The policy and its values over one episode (B = 1, no padding).

        probability [T+1,A,U] of discrete actions, NaN where one is not available; value [T+1], the
        agents' mean.
        """
        values = self.value_norm.denormalise(self.critic.values(batch))  # [1,T+1,A]
        channels = {"value": values.mean(-1)[0]}
        if "avail" in batch.layout:
            outputs = self.policy.unroll(batch).masked_fill(~batch.avail, -torch.inf)
            chances = outputs.softmax(-1).masked_fill(~batch.avail, torch.nan)
            channels["probability"] = chances[0]
        return channels

    def state_dict(self) -> State:
        return {
            "policy": self.policy.state_dict(),
            "critic": self.critic.state_dict(),
            "value_norm": self.value_norm.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "rng": self.rng.get_state(),
        }

    def load_state_dict(self, state: State) -> None:
        self.policy.load_state_dict(state["policy"])
        self.critic.load_state_dict(state["critic"])
        self.value_norm.load_state_dict(state["value_norm"])
        load_optimizer(self.optimizer, state["optimizer"])
        self.rng.set_state(state["rng"].cpu())
