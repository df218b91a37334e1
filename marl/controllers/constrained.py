"""Acting within what data supports: the best of the actions that an imitation thinks likely."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from marl.controllers.exploration import EpsilonConfig, EpsilonGreedy, explore, greedy_actions
from marl.protocols.acting import Acted, Carry, Controller, ObservationTensors
from marl.protocols.loop import Progress

IMITATION = "imitation"  # what the imitation remembers, in an actor's carry


def likely(logits: Tensor, avail: Tensor, threshold: float) -> Tensor:
    """Available actions whose chance is more than `threshold` of the likeliest one's, and that one.

    logits [...,U], avail [...,U] bool -> [...,U] bool. Threshold 0 has all available ones, 1 the
    likeliest alone.
    """
    known = logits.masked_fill(~avail, -torch.inf)
    best = known.amax(-1, keepdim=True)
    below = math.log(threshold) if threshold > 0.0 else -math.inf
    return avail & ((known > best + below) | (known == best))


class ConstrainedGreedy(EpsilonGreedy):
    """The best likely action, or with probability epsilon any available one."""

    def __init__(
        self,
        controller: Controller,
        imitation: Controller,
        epsilon: EpsilonConfig,
        threshold: float,
    ) -> None:
        super().__init__(controller, epsilon)
        self.imitation = imitation
        self.threshold = threshold

    def initial_carry(self, batch: int) -> Carry:
        remembered = self.imitation.initial_carry(batch)["hidden"]
        return {**self.controller.initial_carry(batch), IMITATION: remembered}

    def act(
        self,
        observation: ObservationTensors,
        carry: Carry,
        progress: Progress,
        rng: torch.Generator,
        greedy: bool = False,
    ) -> Acted:
        obs, _, avail = observation
        assert avail is not None  # the recipe is for discrete actions
        values, hidden = self.controller.step(obs, carry)
        logits, remembered = self.imitation.step(obs, {**carry, "hidden": carry[IMITATION]})
        actions = greedy_actions(values, likely(logits, avail, self.threshold))
        if not greedy:
            actions = explore(actions, avail, self.epsilon.at(progress.t_env), rng)
        after = self.controller.next_carry(hidden, actions)
        return Acted(actions, {**after, IMITATION: remembered}, {})
