"""An actor that draws discrete actions from a policy's logits, and now and then any of them."""

from __future__ import annotations

import torch

from marl.batch import Column
from marl.controllers.exploration import EpsilonConfig, explore
from marl.controllers.shared import SharedController
from marl.nets.distributions import Categorical
from marl.protocols.acting import Acted, Carry, ObservationTensors
from marl.protocols.loop import Progress


class DrawingActor:
    """Draws by the policy's probabilities; asked greedily it takes the likeliest action."""

    columns: tuple[Column, ...] = ()

    def __init__(self, policy: SharedController, epsilon: EpsilonConfig) -> None:
        self.policy = policy
        self.distribution = Categorical(policy.outputs)
        self.epsilon = epsilon

    def initial_carry(self, batch: int) -> Carry:
        return self.policy.initial_carry(batch)

    def act(
        self,
        observation: ObservationTensors,
        carry: Carry,
        progress: Progress,
        rng: torch.Generator,
        greedy: bool = False,
    ) -> Acted:
        """actions [B,A]."""
        obs, _, avail = observation
        assert avail is not None  # the recipe is for discrete actions
        logits, hidden = self.policy.step(obs, carry)
        if greedy:
            actions = self.distribution.mode(logits, avail)
        else:
            drawn = self.distribution.sample(logits, avail, rng)
            actions = explore(drawn, avail, self.epsilon.at(progress.t_env), rng)
        return Acted(actions, self.policy.next_carry(hidden, actions), {})

    def metrics(self, progress: Progress) -> dict[str, float]:
        return {"epsilon": self.epsilon.at(progress.t_env)}
