"""What LAGMA's intrinsic reward can be told; marl/algos/lagma.py says which is published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from marl.config.schema import option
from marl.errors import ConfigError
from marl.intrinsic.config import BonusConfig
from marl.quantizers.config import CodebookConfig
from marl.quantizers.vq_learner import VqConfig
from marl.spec import EnvSpec

Padding = Literal["masked", "included"]
CoverageChoice = Literal["auto", "none", "all", "timestep"]
MOST_VISITS = 2**26  # in all lists together: K codes, k trajectories of each, K numbers of each


@dataclass(frozen=True)
class LagmaOptions(BonusConfig):
    """The codebook, return windows, goal trajectories, and the transitions that are paid.

    Defaults are the published values for SMAC's dense reward, or this project's choice.
    """

    enabled: bool = True  # False pays nothing and keeps no trajectories; the rest still learns
    start: int = option(50_000, low=0)  # environment steps before anything is kept or paid ...
    warmup: int = option(300, low=0)  # ... and updates of the codebook
    update_interval: int = option(40, low=1)  # episodes between entries into the return windows
    window: int = option(100, low=1, high=100_000)  # m, returns kept per code
    # stored: under the codes of their time, as published; reencoded: the newest K m states with
    # their returns, given codes anew whenever returns enter. The default and max_age's are better
    # than what is published with separate intervals (docs/results.md).
    windows: Literal["stored", "reencoded"] = "reencoded"
    # Episodes; older ones' returns do not enter. Published: null, which is any age.
    max_age: int | None = option(1000, low=0)
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
    # The codes that each slot pulls: its own J(t) (timestep) | all | none. auto: timestep, or none
    # where no loss moves the codes.
    coverage: CoverageChoice = "auto"
    codebook: CodebookConfig = VqConfig()  # vq: learnt codes; fsq: a grid of rounded numbers

    def __post_init__(self) -> None:
        """Settle `auto`; refuse what would do nothing, or what nothing could be paid with."""
        unmoved = self.codebook.unmoved
        if self.coverage == "auto":  # a run's configuration says what it was
            object.__setattr__(self, "coverage", "none" if unmoved else "timestep")
        if self.min_returns > self.window:
            raise ValueError(f"min_returns: a window holds {self.window} at most; lower it")
        visits = self.codebook.n_codes**2 * self.k
        if visits > MOST_VISITS:
            raise ValueError(
                f"codebook: {self.codebook.n_codes:,} codes with k={self.k} trajectories of each "
                f"would take {4 * visits >> 20:,} MiB; use fewer of them"
            )
        if unmoved and self.coverage != "none":
            raise ValueError(f"coverage: no loss moves the codes of {unmoved}; set it to none")

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
