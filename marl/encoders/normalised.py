"""Observations in standard deviations from their mean, both over all that was learnt from so far.

    o' = clip((clip(o, -200, 200) - mean) / std, -5, 5)
    std = sqrt(max(mean of squares - mean^2, 0.01^2))

As in the baselines' HER, which MUSIC is built on. One mean for each number of an observation,
shared by the agents; a skill's one-hot stays as it is. Differs from there: statistics are of the
sampled steps, every time that they are sampled, not of episodes as they are stored, and one count
serves observation and goal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from marl.batch import EpisodeBatch
from marl.config.schema import option
from marl.encoders.config import ENCODERS, EncoderConfig
from marl.protocols.loop import Metrics, State
from marl.spec import EnvSpec


@ENCODERS.add
@dataclass(frozen=True)
class NormalisedConfig(EncoderConfig):
    """Observations with a mean of 0 and a standard deviation of 1."""

    kind: ClassVar[str] = "normalised"
    in_place: ClassVar[bool] = True
    least_std: float = option(0.01, above=0.0)  # of a number that hardly changes
    clip: float = option(5.0, above=0.0)  # standard deviations, on either side
    raw_clip: float = option(200.0, above=0.0)  # of observations as they are, before all else

    def build(self, spec: EnvSpec, device: torch.device) -> Normalised:
        return Normalised(spec, self, device)


class Normalised:
    """Counts, sums and sums of squares of each number of an observation."""

    slices = 1
    parameters: Sequence[nn.Parameter] = ()

    def __init__(self, spec: EnvSpec, config: NormalisedConfig, device: torch.device) -> None:
        self.width = spec.obs_dim
        self.config = config
        # Observations of all agents, and of each number their sum and that of its squares.
        self.count = torch.zeros((), dtype=torch.float64, device=device)
        self.total = torch.zeros(self.width, dtype=torch.float64, device=device)
        self.squares = torch.zeros_like(self.total)
        self.is_skill = torch.zeros(self.width, dtype=torch.bool, device=device)
        self.is_skill[spec.own_dim : spec.own_dim + spec.skills] = True
        self._settle()

    def _settle(self) -> None:
        """Work out mean and standard deviation, [O] each."""
        count = self.count.clamp(min=1.0)
        mean = self.total / count
        floor = self.config.least_std**2
        std = (self.squares / count - mean.square()).clamp(min=floor).sqrt()
        known = (self.count > 0) & ~self.is_skill
        self.mean = torch.where(known, mean, 0.0).float()
        self.std = torch.where(known, std, 1.0).float()

    def _cut(self, obs: Tensor) -> Tensor:
        return obs.clamp(-self.config.raw_clip, self.config.raw_clip)

    def encode(self, obs: Tensor) -> Tensor:
        scaled = (self._cut(obs) - self.mean) / self.std
        return scaled.clamp(-self.config.clip, self.config.clip)

    def encoded(self, batch: EpisodeBatch) -> EpisodeBatch:
        """The same with encoded observations; padding stays zero."""
        real = batch.slots_filled[..., None, None]
        obs = torch.where(real, self.encode(batch.obs), 0.0)
        return EpisodeBatch(batch.layout, {**batch.columns, "obs": obs})

    def learn(self, batch: EpisodeBatch) -> Metrics:
        """Count the real observations of a batch."""
        obs = self._cut(batch.obs[batch.slots_filled]).double().flatten(0, 1)  # [N*A,O]
        self.count += len(obs)
        self.total += obs.sum(0)
        self.squares += obs.square().sum(0)
        self._settle()
        return {}

    def state_dict(self) -> State:
        return {"count": self.count, "total": self.total, "squares": self.squares}

    def load_state_dict(self, state: State) -> None:
        for name, own in self.state_dict().items():
            found = state[name]
            if found.shape != own.shape or not found.isfinite().all():
                raise ValueError(f"statistics of observations: {name} is not {tuple(own.shape)}")
            own.copy_(found)
        self._settle()
