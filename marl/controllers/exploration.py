"""Epsilon-greedy actors: the best available action, or with probability epsilon any of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from marl.batch import Column
from marl.config.schema import option
from marl.protocols.acting import Acted, Carry, Controller, ObservationTensors
from marl.protocols.loop import Progress


@dataclass(frozen=True)
class EpsilonConfig:
    """Probability of a random action, falling in a straight line."""

    start: float = option(1.0, low=0.0, high=1.0)
    end: float = option(0.05, low=0.0, high=1.0)
    anneal: int = option(50_000, low=1)  # environment steps from start to end

    def at(self, t_env: int) -> float:
        """Epsilon after `t_env` environment steps."""
        left = max(0.0, 1.0 - t_env / self.anneal)
        return self.end + (self.start - self.end) * left


class EpsilonGreedy:
    """An actor on action values; each agent explores on its own."""

    columns: tuple[Column, ...] = ()

    def __init__(self, controller: Controller, epsilon: EpsilonConfig) -> None:
        self.controller = controller
        self.epsilon = epsilon

    def initial_carry(self, batch: int) -> Carry:
        return self.controller.initial_carry(batch)

    def act(
        self,
        observation: ObservationTensors,
        carry: Carry,
        progress: Progress,
        rng: torch.Generator,
        greedy: bool = False,
    ) -> Acted:
        """actions [B,A]; rng lives on the CPU and is left alone by greedy ones."""
        obs, _, avail = observation
        assert avail is not None  # the recipe is for discrete actions
        values, hidden = self.controller.step(obs, carry)
        actions = greedy_actions(values, avail)
        if not greedy:
            actions = explore(actions, avail, self.epsilon.at(progress.t_env), rng)
        return Acted(actions, self.controller.next_carry(hidden, actions), {})

    def metrics(self, progress: Progress) -> dict[str, float]:
        return {"epsilon": self.epsilon.at(progress.t_env)}


def greedy_actions(values: Tensor, avail: Tensor) -> Tensor:
    """The best available action. values [...,U], avail [...,U] bool -> [...] int64.

    Where nothing is available (padding) the answer is 0, which a loss's mask drops.
    """
    return values.masked_fill(~avail, -torch.inf).argmax(-1)


def explore(actions: Tensor, avail: Tensor, epsilon: float, rng: torch.Generator) -> Tensor:
    """With probability epsilon any available action instead, [B,A]. avail [B,A,U] bool."""
    draws = torch.rand(2, *actions.shape, generator=rng).to(actions.device)
    explores = draws[0] < epsilon
    rank = avail.cumsum(-1)  # 1 at the first available action, 2 at the second ...
    count = rank[..., -1:]
    chosen = (draws[1][..., None] * count).floor().to(rank.dtype) + 1  # uniform in 1..count
    anything = (rank < chosen.clamp(max=count)).sum(-1)
    return torch.where(explores, anything, actions)
