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
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from marl.batch import WON, Column, EpisodeBatch
from marl.config.schema import option
from marl.errors import ConfigError
from marl.intrinsic.config import BONUSES, BonusConfig
from marl.intrinsic.lagma.arrays import restore, saved
from marl.intrinsic.lagma.calibration import Calibration
from marl.intrinsic.lagma.code_values import CodeValues, ReturnMemory
from marl.intrinsic.lagma.explain import code_map, references
from marl.intrinsic.lagma.trajectories import WalkRules, check_lists, empty_lists, walk
from marl.intrinsic.schedule import EpisodeInterval
from marl.protocols import Channels, Metrics, Progress, State
from marl.quantizers.coverage import Coverage
from marl.quantizers.usage import perplexity, shares
from marl.quantizers.vq import CodebookConfig, VectorQuantizer
from marl.quantizers.vq_learner import VqLearner
from marl.returns import explained_variance, returns_of
from marl.spec import EnvSpec

Padding = Literal["masked", "included"]
MOST_VISITS = 2**26  # in all lists together: K codes, k trajectories of each, K numbers of each


@BONUSES.add
@dataclass(frozen=True)
class LagmaBonusConfig(BonusConfig):
    """The codebook, return windows, goal trajectories, and the transitions that are paid.

    Defaults are the published values for SMAC's dense reward, or this project's choice.
    """

    kind: ClassVar[str] = "lagma"
    enabled: bool = True  # False pays nothing and keeps no trajectories; the rest still learns
    start: int = option(50_000, low=0)  # environment steps before anything is kept or paid ...
    warmup: int = option(300, low=0)  # ... and updates of the codebook
    update_interval: int = option(40, low=1)  # episodes between entries into the return windows
    window: int = option(100, low=1, high=100_000)  # m, returns kept per code
    # stored: under the codes of their time, as published; reencoded: the newest K m states with
    # their returns, given codes anew whenever returns enter.
    windows: Literal["stored", "reencoded"] = "stored"
    max_age: int | None = option(None, low=0)  # episodes; older ones' returns do not enter
    min_returns: int = option(1, low=1)  # returns in its window without which a code does not pay
    spread: float = option(0.0, low=0.0)  # C_q is the mean less so many standard deviations
    # What C_q is compared with: the state's own Q, or the mean Q of the batch's states of its code,
    # so that a state is not paid for being worth less than others of its code.
    baseline: Literal["state", "code"] = "state"
    # What paid steps are paid less, as the batches' own returns show code values to be too high:
    # the bonus times (returns - Q) / (C_q - Q), running sums over paid steps, within 0..1.
    calibrated: bool = False
    k: int = option(30, low=1, high=100_000)  # trajectories kept per code
    resample_interval: int = option(5, low=1)  # n_freq, slots between references
    goal_only: bool = False  # keep trajectories of won episodes only
    priority: Literal["return_to_go", "cq"] = "return_to_go"  # cq: C_q of the first code
    sampling: Literal["uniform", "softmax"] = "uniform"  # softmax of the priorities
    dedup: bool = False  # one place for the same slot of the same episode
    phantom_zero: bool = False  # windows start with a return of 0: an unseen code has value 0
    # The state after the last step enters its window with return 0, and a list as a trajectory.
    final_slot: bool = False
    in_order: bool = False  # pay only for codes that the reference still visits as late or later
    pay_on_resample: bool = True  # transitions into slots where a reference is drawn
    pay_on_terminal: bool = False  # transitions into a terminal state
    padding: Padding = "masked"  # whether codebook, windows and lists see the padding
    coverage: Coverage = "timestep"  # the codes that each slot pulls: its own J(t) | all | none
    codebook: CodebookConfig = CodebookConfig()

    def __post_init__(self) -> None:
        """Refuse settings that would do nothing, or that nothing could be paid with."""
        if self.min_returns > self.window:
            raise ValueError(f"min_returns: a window holds {self.window} at most; lower it")
        if self.codebook.size**2 * self.k > MOST_VISITS:
            raise ValueError(
                f"codebook: size={self.codebook.size} with k={self.k} trajectories of each code "
                f"would take {4 * self.codebook.size**2 * self.k >> 20:,} MiB; lower one of them"
            )
        if self.codebook.codes == "ema" and self.coverage != "none":
            raise ValueError("coverage: codebook.codes=ema are moved by no loss; set it to none")

    def check(self, spec: EnvSpec, whole_episodes: bool) -> None:
        """ConfigError where LAGMA can't learn like that."""
        if not whole_episodes:
            raise ConfigError(
                "bonus.kind: LAGMA learns from whole episodes; use rollout.kind, buffer.kind and "
                "sampler.kind=episodes"
            )
        if self.goal_only and not spec.reports_win:
            raise ConfigError(
                f"bonus.goal_only: {spec.name} does not report wins, so that no trajectory "
                "would ever be kept; use False"
            )

    def build(self, spec: EnvSpec, gamma: float, device: torch.device) -> LatentGoalBonus:
        book = self.codebook
        quantizer = VectorQuantizer(spec.state_dim, book.size, book.dim, book.hidden_dim)
        seeds = torch.randint(2**62, (2,)).tolist()
        slots = spec.episode_limit + 1
        vq = VqLearner(quantizer.to(device), book, self.coverage, slots, seed=seeds[0])
        return LatentGoalBonus(vq, self, gamma, spec.state_dim, seed=seeds[1])


class LatentGoalBonus:
    """Learns codes and their values from the sampled batches, and pays for goal-reaching moves."""

    columns: tuple[Column, ...] = (WON,)

    def __init__(
        self, vq: VqLearner, config: LagmaBonusConfig, gamma: float, state_dim: int, seed: int
    ) -> None:
        """seed: of the references drawn."""
        self.vq = vq
        self.config = config
        self.gamma = gamma
        n_codes = vq.quantizer.n_codes
        self.vq_schedule = EpisodeInterval(config.start, vq.config.update_interval)
        self.value_schedule = EpisodeInterval(config.start, config.update_interval)
        self.values = CodeValues(n_codes, config.window, config.phantom_zero)
        reencoded = config.windows == "reencoded"
        self.memory = ReturnMemory(n_codes * config.window if reencoded else 0, state_dim)
        self.lists = empty_lists(n_codes, config.k)
        self.rules = WalkRules(
            interval=config.resample_interval,
            pay_on_resample=config.pay_on_resample,
            softmax=config.sampling == "softmax",
            dedup=config.dedup,
            in_order=config.in_order,
        )
        self.calibration = Calibration()
        self.rng = torch.Generator().manual_seed(seed)
        self.has_returns = False  # whether the first ones are in
        self.vq_metrics: Metrics = {}  # of the last step of the quantiser

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
        warm = self.vq.upkeep.steps >= self.config.warmup and progress.t_env >= self.config.start
        if self.value_schedule.due(progress) and warm:
            self._keep_returns(batch, used, table, returns, progress)
            self.has_returns = True
        means = self.code_values()
        if self.has_returns and self.config.enabled:
            paid = self._walk(batch, used, table, returns, means)  # [B,T]
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
        share = shares(codes[used], self.vq.quantizer.n_codes)  # [K]
        return bonus, {
            **self.vq_metrics,
            "codebook_usage": (share > 0).float().mean(),
            "codebook_perplexity": perplexity(share),
            "code_value_mean": batch.reward.new_tensor(_mean(means[self.values.known])),
            "trajectories_held": batch.reward.new_tensor(self.lists.size.sum()),
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
        codes = self.vq.quantizer.encode(batch.state).cpu().numpy()  # [1,T+1]
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
            **references(self.lists, self.rules, codes[0], uniforms[0]),
            **code_map(self.vq.quantizer.codebook, code_values),
        }
        return {name: torch.from_numpy(values) for name, values in found.items()}

    @torch.no_grad()
    def assess(self, batch: EpisodeBatch, bootstrap: Tensor, returns: Tensor) -> Metrics:
        """What would be paid in these episodes, and whether it points the right way.

        bootstrap [B,T,G]; returns [B,T+1]. paid: share of the steps. Of the states that paid steps
        lead to: paid_code_value C_q, paid_value Q, paid_return what really came from there on.
        code_return_r2: share of the variance of the returns that C_q explains, where it is known.
        """
        used = batch.slots_filled
        codes = self.vq.quantizer.encode(batch.state)  # [B,T+1]
        table = codes.cpu().numpy()
        follows, _ = self._would_pay(batch, table)
        value = torch.from_numpy(self.code_values()).to(bootstrap)[codes]  # [B,T+1]
        known = torch.from_numpy(self.values.known).to(used.device)[codes] & used
        expected = self._expected(bootstrap, codes[:, 1:], batch.filled).mean(-1)  # [B,T]
        paid = torch.from_numpy(follows).to(used.device) & (value[:, 1:] > expected)
        metrics = {"paid": paid.sum() / batch.filled.sum()}
        if paid.any():
            metrics["paid_code_value"] = value[:, 1:][paid].mean()
            metrics["paid_value"] = bootstrap.mean(-1)[paid].mean()
            metrics["paid_return"] = returns[:, 1:][paid].mean()
        if known.any():
            metrics["code_return_r2"] = explained_variance(returns[known], value[known])
        return metrics

    def _would_pay(
        self, batch: EpisodeBatch, codes: NDArray[np.int64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Steps that follow a reference, [B,T], and the numbers it was drawn with, [B,draws].

        Nothing is kept, and the numbers are not the training's. codes: [B,T+1].
        """
        draws = -(-codes.shape[1] // self.rules.interval)
        uniforms = np.random.default_rng(0).random((batch.size, draws))
        if not (self.has_returns and self.config.enabled):
            return np.zeros((batch.size, batch.steps), dtype=np.bool_), uniforms
        slots = batch.slots_filled.sum(1).cpu().numpy()
        none, nothing = np.zeros(batch.size, dtype=np.int64), np.zeros(codes.shape)
        follows = walk(self.lists, self.rules, codes, nothing, slots, none, none, uniforms)
        return self._payable(batch, codes, follows), uniforms

    def _expected(self, bootstrap: Tensor, codes: Tensor, filled: Tensor) -> Tensor:
        """What code values are compared with, [B,T,G].

        bootstrap [B,T,G]; codes [B,T] of the states that it is of; filled [B,T,1].
        """
        if self.config.baseline == "state":
            return bootstrap
        real = filled[..., 0]
        chosen, values = codes[real], bootstrap[real]  # [N], [N,G]
        count = torch.bincount(chosen, minlength=self.vq.quantizer.n_codes)  # [K]
        total = values.new_zeros(len(count), values.shape[1]).index_add_(0, chosen, values)
        return (total / count.clamp(min=1)[:, None])[codes]

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
        due = self.vq_schedule.due(progress)
        if due or self.vq.upkeep.steps < self.config.warmup:
            found, self.vq_metrics = self.vq.step(states, rows % slots, slots)
        else:
            found = self.vq.quantizer.encode(states)
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
        anew = self.vq.quantizer.encode(torch.from_numpy(states).to(batch.state.device))
        self.values.push(anew.cpu().numpy(), all_returns)

    def _walk(
        self,
        batch: EpisodeBatch,
        used: Tensor,
        codes: NDArray[np.int64],
        returns: NDArray[np.float64],
        means: NDArray[np.float64],
    ) -> NDArray[np.bool_]:
        """Keep and draw trajectories; which steps are to be paid, [B,T]. used, codes: [B,T+1]."""
        config = self.config
        draws = -(-codes.shape[1] // config.resample_interval)
        slots = used.sum(1).cpu().numpy()
        starts = slots if config.final_slot else slots - 1
        if config.goal_only:
            starts = np.where(batch["won"].cpu().numpy(), starts, 0)
        follows = walk(
            self.lists,
            self.rules,
            codes,
            means[codes] if config.priority == "cq" else returns,
            slots,
            starts,
            batch.episode.cpu().numpy(),
            torch.rand(batch.size, draws, generator=self.rng, dtype=torch.float64).numpy(),
        )
        return self._payable(batch, codes, follows)

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
            "vq": self.vq.state_dict(),
            "vq_schedule": self.vq_schedule.state_dict(),
            "value_schedule": self.value_schedule.state_dict(),
            "values": self.values.state_dict(),
            "memory": self.memory.state_dict(),
            "calibration": self.calibration.state_dict(),
            "lists": saved(self.lists._asdict()),
            "rng": self.rng.get_state(),
            "has_returns": self.has_returns,
            "vq_metrics": dict(self.vq_metrics),
        }

    def load_state_dict(self, state: State) -> None:
        self.vq.load_state_dict(state["vq"])
        self.vq_schedule.load_state_dict(state["vq_schedule"])
        self.value_schedule.load_state_dict(state["value_schedule"])
        self.values.load_state_dict(state["values"])
        self.memory.load_state_dict(state["memory"])
        self.calibration.load_state_dict(state["calibration"])
        restore(self.lists._asdict(), state["lists"])
        check_lists(self.lists)
        self.rng.set_state(state["rng"].cpu())
        self.has_returns = state["has_returns"]
        self.vq_metrics = {name: value.reshape(()) for name, value in state["vq_metrics"].items()}


def _mean(values: NDArray[np.float64]) -> float:
    """Mean, 0 of nothing."""
    return float(values.mean()) if values.size else 0.0
