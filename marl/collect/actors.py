"""Actors that nobody trained, and what disturbs those that were."""

from __future__ import annotations

import torch
from torch import Tensor

from marl.batch import Column
from marl.controllers.exploration import explore
from marl.controllers.wrapped import WrappedActor
from marl.envs.line_world import LEFT, RIGHT
from marl.protocols.acting import Acted, Actor, Carry, ObservationTensors
from marl.protocols.loop import Progress
from marl.spec import Continuous, Discrete, EnvSpec


def any_actions(observation: ObservationTensors, spec: EnvSpec, rng: torch.Generator) -> Tensor:
    """Legal actions, each as likely as any other, [B,A] or [B,A,D]."""
    batch = len(observation.obs)
    if isinstance(spec.action, Discrete):
        assert observation.avail is not None
        none = torch.zeros(batch, spec.n_agents, dtype=torch.int64)
        return explore(none, observation.avail.cpu(), 1.0, rng)
    low, high = _bounds(spec.action)
    return low + (high - low) * torch.rand(batch, spec.n_agents, len(low), generator=rng)


def _bounds(action: Continuous) -> tuple[Tensor, Tensor]:
    return torch.tensor(action.low), torch.tensor(action.high)


class Uniform:
    """Any legal action."""

    columns: tuple[Column, ...] = ()

    def __init__(self, spec: EnvSpec) -> None:
        self.spec = spec

    def initial_carry(self, batch: int) -> Carry:
        return {}

    def act(
        self,
        observation: ObservationTensors,
        carry: Carry,
        progress: Progress,
        rng: torch.Generator,
        greedy: bool = False,
    ) -> Acted:
        return Acted(any_actions(observation, self.spec, rng), carry, {})

    def metrics(self, progress: Progress) -> dict[str, float]:
        return {}


class Contrary(Uniform):
    """Walks away from the line-world's goal with a probability, and towards it otherwise.

    Continuous moves have any length up to a unit, so both directions are in the support.
    """

    def __init__(self, spec: EnvSpec, wrong_share: float) -> None:
        super().__init__(spec)
        self.wrong_share = wrong_share

    def act(
        self,
        observation: ObservationTensors,
        carry: Carry,
        progress: Progress,
        rng: torch.Generator,
        greedy: bool = False,
    ) -> Acted:
        shape = (len(observation.obs), 1)
        wrong = torch.rand(shape, generator=rng) < self.wrong_share  # [B,A]
        if isinstance(self.spec.action, Discrete):
            return Acted(torch.where(wrong, LEFT, RIGHT), carry, {})
        size = 1.0 - torch.rand(shape, generator=rng)  # in (0,1]
        return Acted(torch.where(wrong, -size, size)[..., None], carry, {})


class Disturbed(WrappedActor):
    """Another actor's actions with Gaussian noise, and some of them replaced by any legal ones.

    With the greedy actor, random_share=0.3 and noise=0.3 this is how the "imperfect" data of BCQ
    were collected (Fujimoto et al. 2019, arXiv:1812.02900).
    """

    def __init__(self, actor: Actor, spec: EnvSpec, random_share: float, noise: float) -> None:
        """noise: deviation, in halves of the range between the bounds; continuous actions alone."""
        super().__init__(actor)
        self.columns = ()
        self.spec = spec
        self.random_share, self.noise = random_share, noise

    def act(
        self,
        observation: ObservationTensors,
        carry: Carry,
        progress: Progress,
        rng: torch.Generator,
        greedy: bool = False,
    ) -> Acted:
        acted = self.actor.act(observation, carry, progress, rng, greedy)
        actions = acted.actions.cpu()
        if self.noise and isinstance(self.spec.action, Continuous):
            low, high = _bounds(self.spec.action)
            noise = self.noise * (high - low) / 2 * torch.randn(actions.shape, generator=rng)
            actions = (actions + noise).clamp(low, high)
        if self.random_share:
            other = any_actions(observation, self.spec, rng)
            replaced = torch.rand(actions.shape[:2], generator=rng) < self.random_share  # [B,A]
            actions = torch.where(
                replaced if actions.dim() == 2 else replaced[..., None], other, actions
            )
        after = dict(acted.carry)
        if "actions" in after:  # a network that sees its last action sees the one that was taken
            after["actions"] = actions.to(after["actions"].device)
        return Acted(actions, after, {})
