"""QLearner: temporal-difference learning of mixed or independent action values.

    y = reward + bonus + gamma * (1 - terminated) * bootstrap
    bootstrap = mix_target(Q_target(s', argmax_a Q(s', a)), s')          (double Q)
    loss = mean over real steps of weight * (mix(Q(s, a), s) - y)^2
With td_lambda > 0 y is TD(lambda)'s: part of the bootstrap gives way to the next step's own y.
With n_step > 1 y has the rewards of n steps, and the bootstrap of the slot after them. loss=huber:
x^2 / 2 up to huber_delta and a line beyond in the place of x^2. weight is 1, or what a prioritised
sampler says of the row.

IQL, VDN, QMIX differ in the mixer, LAGMA in the bonus, DQN in the number of agents (one).
Sources: PyMARL's QLearner (Samvelyan et al. 2019, arXiv:1902.04043); double Q-learning
(van Hasselt et al. 2016, arXiv:1509.06461).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from marl.batch import EpisodeBatch, masked_mean
from marl.config.schema import option
from marl.controllers.exploration import greedy_actions
from marl.controllers.shared import Reading, SharedController
from marl.learners.n_step import discount_of, first_transitions
from marl.learners.optimizers import OptimizerConfig, RmspropConfig
from marl.learners.targets import huber, lambda_targets, row_means, taken
from marl.nets.optimizing import load_optimizer
from marl.nets.packed import Steps
from marl.nets.threads import shared
from marl.protocols.experience import BATCH, WEIGHT, Samples
from marl.protocols.learning import (
    AssessableBonus,
    Channels,
    ExplainableBonus,
    IntrinsicReward,
    SamplingBonus,
)
from marl.protocols.loop import Metrics, Progress, State
from marl.returns import returns_of


@dataclass(frozen=True)
class QLearnerConfig:
    """Value learning."""

    gamma: float = option(0.99, low=0.0, high=1.0)
    td_lambda: float = option(0.0, low=0.0, high=1.0)  # share of what later steps found; 0: none
    n_step: int = option(1, low=1, high=1000)  # steps whose rewards count before the next value
    loss: Literal["squared", "huber"] = "squared"  # of a TD error
    huber_delta: float = option(1.0, above=0.0)  # size of an error from which on it is a line
    double_q: bool = True  # choose the next action with the online network
    optimizer: OptimizerConfig = RmspropConfig()
    grad_norm_clip: float = option(10.0, above=0.0)
    target_update_interval: int = option(200, low=1)
    target_update_unit: Literal["episodes", "updates"] = "episodes"

    def __post_init__(self) -> None:
        if self.n_step > 1 and self.td_lambda > 0.0:
            raise ValueError(
                "td_lambda: it mixes returns of all numbers of steps, and learner.n_step="
                f"{self.n_step} fixes one; set td_lambda=0 or n_step=1"
            )
        if self.huber_delta != 1.0 and self.loss != "huber":
            raise ValueError("huber_delta: it shapes learner.loss=huber alone; set that too")

    def penalties(self, errors: Tensor) -> Tensor:
        """The loss of each error."""
        return errors.square() if self.loss == "squared" else huber(errors, self.huber_delta)


class QLearner:
    """Learns a controller and a mixer from batches; keeps their target copies."""

    def __init__(
        self,
        controller: SharedController,
        mixer: nn.Module,
        bonus: IntrinsicReward,
        config: QLearnerConfig,
    ) -> None:
        self.controller = controller
        self.mixer = mixer
        self.bonus = bonus
        self.config = config
        self.target_controller = copy.deepcopy(controller).requires_grad_(False)
        self.target_mixer = copy.deepcopy(mixer).requires_grad_(False)
        self.parameters = [*controller.parameters(), *mixer.parameters()]
        self.optimizer = config.optimizer.build(self.parameters)
        self.last_target_update = 0
        self.row_errors = torch.zeros(0)  # of the last batch with weights, [B]

    def update(self, samples: Samples, progress: Progress) -> Metrics:
        """One gradient step. Returns PyMARL's metrics, and those of the bonus."""
        learnt = self.bonus.learn(samples) if isinstance(self.bonus, SamplingBonus) else {}
        loss, metrics = self.loss(self.transitions(samples[BATCH]), progress)
        self.optimizer.zero_grad()
        loss.backward()
        clip = self.config.grad_norm_clip
        grad_norm = nn.utils.clip_grad_norm_(self.parameters, clip)
        self.optimizer.step()
        self._copy_targets_when_due(progress)
        return {"loss": loss.detach(), "grad_norm": grad_norm, **metrics, **learnt}

    def transitions(self, batch: EpisodeBatch) -> EpisodeBatch:
        """What it learns from: where n_step > 1, n steps folded into one."""
        if self.config.n_step == 1:
            return batch
        return first_transitions(batch, self.config.n_step, self.config.gamma)

    def loss(self, batch: EpisodeBatch, progress: Progress) -> tuple[Tensor, Metrics]:
        """Mean loss of the TD errors over the real steps, and what it is made of.

        batch: as `transitions` makes it.
        """
        joint, bootstrap = shared(self.estimate_rows, batch, self.parameters)  # [B,T,G] each
        bonus, bonus_metrics = self.bonus(batch, bootstrap, progress)
        gamma, weight = discount_of(batch, self.config.gamma), self.config.td_lambda
        targets = lambda_targets(
            batch.reward, batch.terminated, batch.filled, bootstrap, gamma, weight, bonus
        )
        error = joint - targets
        penalties = self.config.penalties(error)
        if WEIGHT in batch.columns:
            penalties = penalties * batch[WEIGHT][:, None, None]
            self.row_errors = row_means(error.detach().abs(), batch.filled)
        loss = masked_mean(penalties, batch.filled)
        with torch.no_grad():
            n_agents = batch.actions.shape[-1]  # PyMARL divides both by it, joint value or not
            metrics = {
                "td_error_abs": masked_mean(error.abs(), batch.filled),
                "q_taken_mean": masked_mean(joint, batch.filled) / n_agents,
                "target_mean": masked_mean(targets, batch.filled) / n_agents,
            }
        return loss, {**metrics, **bonus_metrics}

    def estimate_rows(self, batch: EpisodeBatch) -> tuple[Tensor, Tensor]:
        """mix(Q(s, a), s) of each step, and the target networks' bootstrap value.

        [B,T,G] each, zero in the padding, of which nothing is computed.
        """
        reading = self.controller.read(batch)
        return self._estimate(batch, reading, self.controller.outputs_of(reading))

    def _estimate(
        self, batch: EpisodeBatch, reading: Reading, values: Tensor
    ) -> tuple[Tensor, Tensor]:
        """As `estimate_rows`; values [P,A,U]: the online network's of all real slots."""
        steps = reading.packed.steps()  # N real ones
        chosen = taken(steps.before(values), steps.pack(batch.actions))  # [N,A]
        joint = self.mixer(chosen, steps.pack(batch.state))  # [N,G]
        with torch.no_grad():
            after = steps.after(self.target_controller.outputs_of(reading))  # [N,A,U]
            chooser = steps.after(values) if self.config.double_q else after
            actions = greedy_actions(chooser, self.choosable(batch, steps))
            bootstrap = self.target_mixer(taken(after, actions), steps.pack(batch.state, shift=1))
        return steps.unpack(joint), steps.unpack(bootstrap)

    def choosable(self, batch: EpisodeBatch, steps: Steps) -> Tensor:
        """The actions that the bootstrap chooses from, after each step, [N,A,U] bool."""
        return steps.pack(batch.avail, shift=1)

    @torch.no_grad()
    def explain(self, batch: EpisodeBatch) -> Channels:
        """Values of one episode (B = 1, no padding), and what the bonus adds.

        q [T+1,A,U], NaN where an action is not available; q_total [T], of the actions taken (with
        independent agents their mean).
        """
        reading = self.controller.read(batch)
        values = self.controller.outputs_of(reading)  # [P,A,U]
        joint, bootstrap = self._estimate(batch, reading, values)  # [1,T,G] each
        channels = {
            "q": reading.packed.unpack(values).masked_fill(~batch.avail, torch.nan)[0],
            "q_total": joint.mean(-1)[0],
        }
        if isinstance(self.bonus, ExplainableBonus):
            channels |= self.bonus.explain(batch, bootstrap)
        return channels

    @torch.no_grad()
    def assess(self, batch: EpisodeBatch) -> Metrics:
        """Error of the values of the actions taken against the discounted returns from there on.

        Of an episode that a limit cut off the rest is not known: counted as nothing.
        """
        joint, bootstrap = self.estimate_rows(batch)  # [B,T,G] each
        returns = torch.from_numpy(returns_of(batch, self.config.gamma)).to(joint)  # [B,T+1]
        error = joint - returns[:, :-1, None]
        metrics = {
            "value_bias": masked_mean(error, batch.filled),
            "value_error": masked_mean(error.square(), batch.filled).sqrt(),
        }
        if isinstance(self.bonus, AssessableBonus):
            metrics |= self.bonus.assess(batch, bootstrap, returns)
        return metrics

    def _copy_targets_when_due(self, progress: Progress) -> None:
        by_episodes = self.config.target_update_unit == "episodes"
        now = progress.episode if by_episodes else progress.update + 1
        if now - self.last_target_update >= self.config.target_update_interval:
            self.copy_targets()
            self.last_target_update = now

    def copy_targets(self) -> None:
        """Make the target networks equal to the online ones."""
        self.target_controller.load_state_dict(self.controller.state_dict())
        self.target_mixer.load_state_dict(self.mixer.state_dict())

    def state_dict(self) -> State:
        return {
            "controller": self.controller.state_dict(),
            "mixer": self.mixer.state_dict(),
            "target_controller": self.target_controller.state_dict(),
            "target_mixer": self.target_mixer.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "bonus": self.bonus.state_dict(),
            "last_target_update": self.last_target_update,
        }

    def load_state_dict(self, state: State) -> None:
        self.controller.load_state_dict(state["controller"])
        self.mixer.load_state_dict(state["mixer"])
        self.target_controller.load_state_dict(state["target_controller"])
        self.target_mixer.load_state_dict(state["target_mixer"])
        load_optimizer(self.optimizer, state["optimizer"])
        self.bonus.load_state_dict(state["bonus"])
        self.last_target_update = state["last_target_update"]
