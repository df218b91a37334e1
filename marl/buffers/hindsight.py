"""Hindsight: experience seen as if what was achieved later had been the goal all along.

    g' = achieved_goal at a later slot of the same episode, in a share k / (k + 1) of the steps
    r' = reward(achieved after the step, g'),  obs' and state' end with g'

Andrychowicz et al. 2017 (HER, arXiv:1707.01495); k = 4 and the strategy `future` are theirs. What
the goal alone decides is decided again: a step whose achievement meets g' ends the episode where
the environment ends at its goals, and one that ended for its old goal's sake goes on. An end for
any other reason stays, and a limit never was one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from marl.batch import Column, EpisodeBatch, goal_columns
from marl.buffers.samplers import StepsNeeded
from marl.config.schema import option
from marl.errors import ConfigError, UserError
from marl.protocols.experience import BATCH, Buffer, Samples
from marl.spec import EnvSpec, Goals

Strategy = Literal["future", "final"]


@dataclass(frozen=True)
class HindsightSamplerConfig(StepsNeeded):
    """Single steps of whole episodes, most of them with a goal that was achieved later."""

    kind: ClassVar[str] = "hindsight"
    whole_episodes: ClassVar[bool] = False
    single_steps: ClassVar[bool] = True
    batch_size: int = option(256, low=1)  # steps
    start: int = option(0, low=0)  # steps that must be stored before the first update
    future: float = option(4.0, low=0.0)  # k, steps with another goal for each that keeps its own
    strategy: Strategy = "future"  # the goal: of any later slot, or of the episode's final one

    def check(self, spec: EnvSpec, whole: bool, kinds: str) -> None:
        """ConfigError where there are no goals, or none that come later. whole: rows are."""
        if spec.goals is None:
            raise ConfigError(
                f"sampler.kind: hindsight replaces goals, and {spec.name} has none; use "
                "sampler.kind=slices, or an environment with goals, say --env-config=point_goal"
            )
        if not whole:
            raise ConfigError(
                "sampler.kind: hindsight takes goals from later in an episode, which needs "
                f"rollout.kind=episodes and buffer.kind=episodes, {kinds}"
            )

    def build(self, spec: EnvSpec) -> Hindsight:
        return Hindsight(self, spec)


class Hindsight:
    """Draws steps, every stored one equally likely, and replaces most of their goals."""

    def __init__(self, config: HindsightSamplerConfig, spec: EnvSpec) -> None:
        assert spec.goals is not None  # the config refuses others
        self.config = config
        self.goals = spec.goals
        self.columns: tuple[Column, ...] = goal_columns(spec)

    def ready(self, buffer: Buffer) -> bool:
        return buffer.steps >= self.config.steps_needed

    def sample(self, buffer: Buffer, rng: torch.Generator) -> Samples:
        """[B,1,...], B = batch_size; UserError where rows are not whole episodes."""
        if buffer.steps < 1:
            raise ValueError("asked for steps of an empty replay; wait for a first episode")
        size, share = self.config.batch_size, self.config.future / (1.0 + self.config.future)
        rows, steps = buffer.locate(torch.randint(buffer.steps, (size,), generator=rng))
        batch = buffer.slices(rows, steps, 1)
        if not batch.started[steps == 0].all():
            raise UserError(
                "sampler.kind: hindsight needs whole episodes, and this replay holds parts of them"
            )
        last = buffer.lengths(rows) - 1  # [B]
        later = last
        if self.config.strategy == "future":
            left = last - steps + 1
            ahead = (torch.rand(size, generator=rng, dtype=torch.float64) * left).long()
            later = torch.minimum(steps + ahead, last)
        achieved = buffer.slices(rows, later, 1)["achieved_goal"][:, 1]  # after that step, [B,G]
        chosen = torch.rand(size, generator=rng) < share
        return {BATCH: with_goals(batch, achieved, chosen, self.goals)}


def with_goals(batch: EpisodeBatch, goal: Tensor, rows: Tensor, goals: Goals) -> EpisodeBatch:
    """The batch as if `goal` [B,G] had been pursued in these rows, [B] bool; on the CPU.

    Padding stays as it is.
    """
    old, achieved = batch["goal"], batch["achieved_goal"]  # [B,T+1,G]
    new = torch.where((rows[:, None] & batch.slots_filled)[..., None], goal[:, None], old)
    after = achieved[rows, 1:].numpy()  # [R,T,G], R rows of the B
    before, now = old[rows, 1:].numpy(), new[rows, 1:].numpy()
    reward, terminated = batch.reward.clone(), batch.terminated.clone()
    filled = batch.filled[rows]  # [R,T,1]
    paid = torch.from_numpy(goals.reward(after, now))[..., None]
    reward[rows] = paid * filled
    explained = torch.from_numpy(goals.terminated(after, before))[..., None]
    ends = torch.from_numpy(goals.terminated(after, now))[..., None]
    terminated[rows] = filled & (ends | (terminated[rows] & ~explained))
    agents = new[:, :, None].expand(*batch.obs.shape[:3], -1)  # [B,T+1,A,G]
    columns = {
        **batch.columns,
        "goal": new,
        "obs": _ending_with(batch.obs, agents),
        "state": _ending_with(batch.state, new),
        "reward": reward,
        "terminated": terminated,
    }
    return EpisodeBatch(batch.layout, columns)


def _ending_with(numbers: Tensor, goal: Tensor) -> Tensor:
    """numbers [...,O] with `goal` [...,G] for the last of them."""
    return torch.cat([numbers[..., : -goal.shape[-1]], goal], dim=-1)
