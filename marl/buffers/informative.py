"""Steps of the episodes that tell most, by what a bonus makes of each.

    p of an episode = its score when it first could be drawn
    an episode is drawn in proportion to the dense rank of its p, from 0 on; then any of its steps

Zhao et al. 2021 (MUSIC-p, arXiv:2103.08107), whose score is the sum of the estimates of mutual
information of its transitions. Equal scores have one rank, and the least is never drawn while there
is another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from marl.batch import Column
from marl.buffers.samplers import StepsNeeded
from marl.config.schema import option
from marl.errors import ConfigError
from marl.protocols.experience import BATCH, Buffer, Samples
from marl.protocols.learning import ScoringBonus
from marl.protocols.loop import State
from marl.spec import EnvSpec

MOST = 256  # episodes that are scored at once


@dataclass(frozen=True)
class InformativeSamplerConfig(StepsNeeded):
    """Single steps of whole episodes, more of those that a bonus scores high."""

    kind: ClassVar[str] = "informative"
    whole_episodes: ClassVar[bool] = False
    single_steps: ClassVar[bool] = True
    batch_size: int = option(256, low=1)  # steps
    start: int = option(0, low=0)  # steps that must be stored before the first update

    def check(self, spec: EnvSpec, whole: bool, kinds: str) -> None:
        """ConfigError where rows are less than episodes. whole: they are; kinds: who says so."""
        if not whole:
            raise ConfigError(
                "sampler.kind: informative scores whole episodes, which needs "
                f"rollout.kind=episodes and buffer.kind=episodes, {kinds}"
            )

    def build(self, spec: EnvSpec) -> Informative:
        return Informative(self)


class Informative:
    """Draws steps of episodes by the ranks of their scores."""

    columns: tuple[Column, ...] = ()

    def __init__(self, config: InformativeSamplerConfig) -> None:
        self.config = config
        self.bonus: ScoringBonus | None = None
        self.numbers = torch.zeros(0, dtype=torch.int64)  # of the rows that are scored, as held
        self.scores = torch.zeros(0)

    def score_by(self, bonus: ScoringBonus) -> None:
        """Have episodes scored by this bonus, before the first sample."""
        self.bonus = bonus

    def ready(self, buffer: Buffer) -> bool:
        return buffer.steps >= self.config.steps_needed

    def sample(self, buffer: Buffer, rng: torch.Generator) -> Samples:
        """[B,1,...], B = batch_size; the rows of the buffer are whole episodes."""
        if buffer.steps < 1:
            raise ValueError("asked for steps of an empty replay; wait for a first episode")
        self.look(buffer)
        ranks = ranks_of(self.scores)
        weights = ranks if ranks.any() else torch.ones_like(ranks)
        size = self.config.batch_size
        rows = torch.multinomial(weights, size, replacement=True, generator=rng)
        share = torch.rand(size, generator=rng, dtype=torch.float64)
        lengths = buffer.lengths(rows)
        steps = torch.minimum((share * lengths).long(), lengths - 1)
        return {BATCH: buffer.slices(rows, steps, 1)}

    def look(self, buffer: Buffer) -> None:
        """Score the rows that came since the last time, and forget those that went."""
        assert self.bonus is not None  # the recipe gives it one
        held, new = len(buffer), 0
        last = int(self.numbers[-1]) if len(self.numbers) else None
        while new < held and int(self._number(buffer, held - 1 - new)) != last:
            new += 1
        numbers, scores = [self.numbers], [self.scores]
        for rows in torch.arange(held - new, held).split(MOST) if new else ():
            batch = buffer.episodes(rows)
            device = self.bonus.device
            numbers.append(batch.episode)
            scores.append(self.bonus.scores(batch.to(device)).cpu())
        self.numbers = torch.cat(numbers)[-held:]
        self.scores = torch.cat(scores)[-held:]

    @staticmethod
    def _number(buffer: Buffer, row: int) -> Tensor:
        return buffer.slices(torch.tensor([row]), torch.tensor([0]), 1).episode[0]

    def state_dict(self) -> State:
        return {"numbers": self.numbers, "scores": self.scores}

    def load_state_dict(self, state: State, buffer: Buffer) -> None:
        numbers, scores = state["numbers"], state["scores"]
        if numbers.shape != scores.shape or numbers.dim() != 1:
            raise ValueError("scores of episodes are not one for each")
        if not (scores.isfinite().all() and (scores >= 0).all()):
            raise ValueError("scores of episodes are not all numbers from 0 on")
        self.numbers, self.scores = numbers.long(), scores.float()


def ranks_of(scores: Tensor) -> Tensor:
    """Dense ranks, the least 0, as floats: equal scores share one."""
    return scores.unique(return_inverse=True)[1].to(torch.float32)
