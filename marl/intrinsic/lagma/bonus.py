"""LAGMA's intrinsic reward: pay for moving along a goal trajectory in a space of codes.

    r_t = gamma * max(C_q(s_{t+1}) - Q_tot_target(s_{t+1}), 0)
          if q(s_{t+1}) != q(s_t) and q(s_{t+1}) in tau*, else 0;   tau* ~ D_tau(q(s))
with q(s) the code of state s, C_q its mean return, and Q_tot_target the bootstrap value of the
learner's own target, so that a paid step learns from r + gamma * max(Q, C_q) (of a one-step
target).
Na & Moon 2024 (arXiv:2405.19998); where we differ is said in marl/algos/lagma.py.

Order of events in one update, as published:
1. all states are encoded; every later step uses these codes;
2. the quantiser takes one step if it is due: on every update until `start` and `warmup` are over,
   then at intervals;
3. if due, and once past both, the returns enter the windows of their codes;
4. from the first such entry on, in every update: each episode is walked in time, its trajectories
   enter the lists, references are drawn, and the transitions to pay are marked;
5. the marked transitions are priced with C_q and the learner's bootstrap.
Kept from one update to the next: codebook, windows (and the states of their returns, where they are
encoded anew), lists and counters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from marl.batch import WON, Column, EpisodeBatch
from marl.intrinsic.config import BONUSES
from marl.intrinsic.lagma.calibration import Calibration
from marl.intrinsic.lagma.code_values import CodeValues, ReturnMemory
from marl.intrinsic.lagma.explain import code_map
from marl.intrinsic.lagma.goals import GoalTrajectories
from marl.intrinsic.lagma.options import LagmaOptions
from marl.intrinsic.lagma.pricing import assessment, mean_of_code
from marl.intrinsic.schedule import EpisodeInterval
from marl.protocols.learning import Channels
from marl.protocols.loop import Metrics, Progress, State
from marl.protocols.quantizing import QuantizerLearner
from marl.quantizers.usage import perplexity, shares
from marl.returns import returns_of
from marl.spec import EnvSpec


class LatentGoalBonus:
    """Learns codes and their values from the sampled batches, and pays for goal-reaching moves."""

    columns: tuple[Column, ...] = (WON,)

    def __init__(
        self,
        codebook: QuantizerLearner,
        config: LagmaOptions,
        gamma: float,
        state_dim: int,
        seed: int,
    ) -> None:
        """seed: of the references drawn."""
        self.codebook = codebook
        self.config = config
        self.gamma = gamma
        n_codes = codebook.quantizer.n_codes
        self.codebook_schedule = EpisodeInterval(config.start, config.codebook.update_interval)
        self.value_schedule = EpisodeInterval(config.start, config.update_interval)
        self.values = CodeValues(n_codes, config.window, config.phantom_zero)
        reencoded = config.windows == "reencoded"
        self.memory = ReturnMemory(n_codes * config.window if reencoded else 0, state_dim)
        self.goals = GoalTrajectories(n_codes, config, seed)
        self.calibration = Calibration()
        self.has_returns = False  # whether the first ones are in
        self.codebook_metrics: Metrics = {}  # of the last step of the quantiser

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Of the VQ-VAE: encoder, decoder and codes."""
        return [*self.codebook.quantizer.parameters()]

    def __call__(
        self, batch: EpisodeBatch, bootstrap: Tensor, progress: Progress
    ) -> tuple[Tensor, Metrics]:
        """gamma * max(C_q - bootstrap, 0) where a step is paid, [B,T,G].

        batch: whole episodes, cut to the longest; bootstrap: [B,T,G].
        """
        used = self._used_slots(batch)  # [B,T+1]
        codes = self._codes(batch, used, progress)  # [B,T+1]
        table = codes.cpu().numpy()
        returns = returns_of(batch, self.gamma)
        warm = self.codebook.steps >= self.config.warmup and progress.t_env >= self.config.start
        if self.value_schedule.due(progress) and warm:
            self._keep_returns(batch, used, table, returns, progress)
            self.has_returns = True
        means = self.code_values()
        if self.has_returns and self.config.enabled:
            priorities = means[table] if self.config.priority == "cq" else returns
            follows = self.goals.follow(batch, used, table, priorities)
            paid = self._payable(batch, table, follows)  # [B,T]
            value = torch.from_numpy(means[table[:, 1:]]).to(batch.reward)[..., None]  # [B,T,1]
            unpaid = ~torch.from_numpy(paid).to(batch.reward.device)[..., None]
            expected = self._expected(bootstrap, codes[:, 1:], batch.filled)
            gain = (value - expected).clamp(min=0.0).masked_fill(unpaid, 0.0)  # [B,T,G]
            bonus = self.gamma * gain
            if self.config.calibrated:
                earned = torch.from_numpy(returns[:, 1:, None]).to(gain) - expected
                self.calibration.add(gain, earned)
                bonus = self.calibration.share * bonus
        else:
            bonus = torch.zeros_like(bootstrap)
        steps = batch.filled.sum()
        share = shares(codes[used], self.codebook.quantizer.n_codes)  # [K]
        return bonus, {
            **self.codebook_metrics,
            "codebook_usage": (share > 0).float().mean(),
            "codebook_perplexity": perplexity(share),
            "code_value_mean": batch.reward.new_tensor(_mean(means[self.values.known])),
            "trajectories_held": batch.reward.new_tensor(self.goals.lists.size.sum()),
            "intrinsic_weight": batch.reward.new_tensor(self.calibration.share),
            "intrinsic_mean": bonus.mean(-1).sum() / steps,
            "intrinsic_paid": (bonus > 0).any(-1).sum() / steps,
        }

    @torch.no_grad()
    def explain(self, batch: EpisodeBatch, bootstrap: Tensor) -> Channels:
        """Codes, their values, the references drawn, and what this one episode would be paid.

        batch: one episode, B = 1, without padding; bootstrap [1,T,G]. Nothing is learnt or kept,
        and the references are drawn from random numbers of their own.
        code [T+1]; cq [T+1], NaN where nothing is known; intrinsic [T]; those of
        marl/intrinsic/lagma/explain.py.
        """
        codes = self.codebook.quantizer.encode(batch.state).cpu().numpy()  # [1,T+1]
        means = self.code_values()
        code_values = self.known_values()
        paid, uniforms = self._would_pay(batch, codes)
        after = torch.from_numpy(codes[:, 1:]).to(bootstrap.device)
        expected = self._expected(bootstrap, after, batch.filled)  # [1,T,G]
        gain = means[codes[:, 1:]] - expected.mean(-1).cpu().numpy()  # [1,T]
        found = {
            "code": codes[0],
            "cq": code_values[codes[0]],
            "intrinsic": (self.gamma * np.where(paid, np.maximum(gain, 0.0), 0.0))[0],
            **self.goals.explain(codes[0], uniforms[0]),
            **code_map(self.codebook.quantizer.vectors(), code_values),
        }
        return {name: torch.from_numpy(values) for name, values in found.items()}

    @torch.no_grad()
    def assess(self, batch: EpisodeBatch, bootstrap: Tensor, returns: Tensor) -> Metrics:
        """What would be paid in these episodes: marl/intrinsic/lagma/pricing.py.

        bootstrap [B,T,G]; returns [B,T+1].
        """
        codes = self.codebook.quantizer.encode(batch.state)  # [B,T+1]
        follows, _ = self._would_pay(batch, codes.cpu().numpy())
        payable = torch.from_numpy(follows).to(codes.device)
        code_value = torch.from_numpy(self.known_values()).to(bootstrap)[codes]  # [B,T+1]
        expected = self._expected(bootstrap, codes[:, 1:], batch.filled)
        return assessment(
            batch, payable, code_value, expected.mean(-1), bootstrap.mean(-1), returns
        )

    def _would_pay(
        self, batch: EpisodeBatch, codes: NDArray[np.int64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """As `would_follow` of the goals, of steps that may be paid; none before anything is."""
        follows, uniforms = self.goals.would_follow(batch, codes)
        if not (self.has_returns and self.config.enabled):
            return np.zeros_like(follows), uniforms
        return self._payable(batch, codes, follows), uniforms

    def _expected(self, bootstrap: Tensor, codes: Tensor, filled: Tensor) -> Tensor:
        """What code values are compared with, [B,T,G].

        bootstrap [B,T,G]; codes [B,T] of the states that it is of; filled [B,T,1].
        """
        if self.config.baseline == "state":
            return bootstrap
        return mean_of_code(bootstrap, codes, filled, self.codebook.quantizer.n_codes)

    def code_values(self) -> NDArray[np.float64]:
        """C_q of every code, [K]; 0 where nothing is known."""
        if self.config.spread == 0.0:
            return self.values.means()
        return self.values.means() - self.config.spread * self.values.deviations()

    def known_values(self) -> NDArray[np.float64]:
        """C_q of every code, [K]; NaN where nothing is known."""
        return np.where(self.values.known, self.code_values(), np.nan)

    def _used_slots(self, batch: EpisodeBatch) -> Tensor:
        """Slots that anything is learnt from, [B,T+1] bool."""
        filled = batch.slots_filled
        return torch.ones_like(filled) if self.config.padding == "included" else filled

    def _codes(self, batch: EpisodeBatch, used: Tensor, progress: Progress) -> Tensor:
        """Codes of all used slots as they are before this update, [B,T+1]; 0 elsewhere."""
        slots = used.shape[1]
        rows = used.flatten().nonzero()[:, 0]  # [N]
        states = batch.state.flatten(0, 1)[rows]  # [N,S]
        due = self.codebook_schedule.due(progress)
        if due or self.codebook.steps < self.config.warmup:
            found, self.codebook_metrics = self.codebook.step(states, rows % slots, slots)
        else:
            found = self.codebook.quantizer.encode(states)
        codes = torch.zeros(used.numel(), dtype=torch.int64, device=used.device)
        codes[rows] = found
        return codes.reshape(used.shape)

    def _keep_returns(
        self,
        batch: EpisodeBatch,
        used: Tensor,
        codes: NDArray[np.int64],
        returns: NDArray[np.float64],
        progress: Progress,
    ) -> None:
        """Push the returns into the windows, slot by slot and then episode by episode."""
        kept = used.cpu().numpy().copy()  # [B,T+1]
        if not self.config.final_slot:
            kept[np.arange(batch.size), batch.lengths.cpu().numpy()] = False
        if self.config.max_age is not None:
            kept &= (progress.episode - batch.episode.cpu().numpy() <= self.config.max_age)[:, None]
        if self.config.windows == "stored":
            self.values.push(codes.T[kept.T], returns.T[kept.T])
            return
        self.memory.add(batch.state.cpu().numpy().swapaxes(0, 1)[kept.T], returns.T[kept.T])
        states, all_returns = self.memory.all()
        self.values.clear()
        anew = self.codebook.quantizer.encode(torch.from_numpy(states).to(batch.state.device))
        self.values.push(anew.cpu().numpy(), all_returns)

    def _payable(
        self, batch: EpisodeBatch, codes: NDArray[np.int64], follows: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Of the steps that follow a reference, those whose code value is known; all are [B,T]."""
        known = self.values.known & (self.values.held >= self.config.min_returns)
        paid = follows & known[codes[:, 1:]] & batch.filled[..., 0].cpu().numpy()
        if not self.config.pay_on_terminal:
            paid &= ~batch.terminated[..., 0].cpu().numpy()
        chosen: NDArray[np.bool_] = paid
        return chosen

    def state_dict(self) -> State:
        return {
            "vq": self.codebook.state_dict(),
            "vq_schedule": self.codebook_schedule.state_dict(),
            "value_schedule": self.value_schedule.state_dict(),
            "values": self.values.state_dict(),
            "memory": self.memory.state_dict(),
            "calibration": self.calibration.state_dict(),
            "has_returns": self.has_returns,
            "vq_metrics": dict(self.codebook_metrics),
            **self.goals.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        self.codebook.load_state_dict(state["vq"])
        self.codebook_schedule.load_state_dict(state["vq_schedule"])
        self.value_schedule.load_state_dict(state["value_schedule"])
        self.values.load_state_dict(state["values"])
        self.memory.load_state_dict(state["memory"])
        self.calibration.load_state_dict(state["calibration"])
        self.goals.load_state_dict(state)
        self.has_returns = state["has_returns"]
        self.codebook_metrics = {n: value.reshape(()) for n, value in state["vq_metrics"].items()}


@BONUSES.add
@dataclass(frozen=True)
class LagmaBonusConfig(LagmaOptions):
    """The options, and the bonus that follows from them."""

    kind: ClassVar[str] = "lagma"

    def build(self, spec: EnvSpec, gamma: float, device: torch.device) -> LatentGoalBonus:
        assert self.coverage != "auto"  # settled by __post_init__
        slots = spec.episode_limit + 1
        codebook = self.codebook.build(spec.state_dim, self.coverage, slots, device)
        seed = int(torch.randint(2**62, ()))
        return LatentGoalBonus(codebook, self, gamma, spec.state_dim, seed)


def _mean(values: NDArray[np.float64]) -> float:
    """Mean, 0 of nothing."""
    return float(values.mean()) if values.size else 0.0
