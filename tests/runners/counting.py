"""An actor whose actions can be said by hand."""

from __future__ import annotations

import torch

from marl.batch import Column
from marl.protocols.acting import Acted, Carry, ObservationTensors
from marl.protocols.loop import Progress
from marl.spec import Continuous, EnvSpec


class CountingActor:
    """Greedy: action (first + t) mod U in step t of an episode, of all agents alike.

    Of continuous actions the same steps, sixteen of them, between the bounds. Otherwise a random
    number of actions further. Its column says t.
    """

    columns: tuple[Column, ...] = (Column("count", "step", (), torch.int64),)

    def __init__(self, spec: EnvSpec, first: int = 0) -> None:
        self.spec = spec
        self.first = first

    def initial_carry(self, batch: int) -> Carry:
        return {"count": torch.zeros(batch, dtype=torch.int64)}

    def act(
        self,
        observation: ObservationTensors,
        carry: Carry,
        progress: Progress,
        rng: torch.Generator,
        greedy: bool = False,
    ) -> Acted:
        count, action = carry["count"], self.spec.action
        numbers = (self.first + count)[:, None].expand(-1, self.spec.n_agents)  # [B,A]
        if not greedy:
            numbers = numbers + torch.randint(1000, numbers.shape, generator=rng)
        if isinstance(action, Continuous):
            low, high = torch.tensor(action.low), torch.tensor(action.high)
            actions = low + (numbers % 16 / 15)[..., None] * (high - low)
        else:
            actions = numbers % action.n
        return Acted(actions, {"count": count + 1}, {"count": count})

    def metrics(self, progress: Progress) -> dict[str, float]:
        return {}
