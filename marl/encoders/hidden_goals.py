"""Goals that policy and critics do not see: while they learn, or in tests too."""

from __future__ import annotations

import torch
from torch import Tensor

from marl.batch import EpisodeBatch
from marl.controllers.wrapped import WrappedActor
from marl.protocols.acting import Acted, Actor, Carry, ObservationTensors
from marl.protocols.learning import Encoder
from marl.protocols.loop import Metrics, Progress, State
from marl.spec import EnvSpec


class HiddenGoals:
    """An encoder whose batches have zeros where the encoded goals stood.

    It learns from batches as they are, and what it encodes of an observation shows all.
    """

    def __init__(self, encoder: Encoder, spec: EnvSpec) -> None:
        self.encoder = encoder
        self.goal_dim = spec.goal_dim
        self.width = encoder.width
        self.slices = encoder.slices
        self.parameters = encoder.parameters

    def encode(self, obs: Tensor) -> Tensor:
        return self.encoder.encode(obs)

    def encoded(self, batch: EpisodeBatch) -> EpisodeBatch:
        batch = self.encoder.encoded(batch)
        names = ("obs", "state")
        hidden = {name: without_goals(batch[name], self.goal_dim) for name in names}
        return EpisodeBatch(batch.layout, {**batch.columns, **hidden})

    def learn(self, batch: EpisodeBatch) -> Metrics:
        return self.encoder.learn(batch)

    def state_dict(self) -> State:
        return self.encoder.state_dict()

    def load_state_dict(self, state: State) -> None:
        self.encoder.load_state_dict(state)


class GoalBlindActor(WrappedActor):
    """Acts as another actor does on zeros for the goal, of observations that are encoded."""

    def __init__(self, actor: Actor, spec: EnvSpec, always: bool) -> None:
        """always: greedily too, as tests ask."""
        super().__init__(actor)
        self.always = always
        self.goal_dim = spec.goal_dim

    def act(
        self,
        observation: ObservationTensors,
        carry: Carry,
        progress: Progress,
        rng: torch.Generator,
        greedy: bool = False,
    ) -> Acted:
        if self.always or not greedy:
            obs = without_goals(observation.obs, self.goal_dim)
            observation = observation._replace(obs=obs)
        return self.actor.act(observation, carry, progress, rng, greedy)


def without_goals(obs: Tensor, goal_dim: int) -> Tensor:
    """Observations or states [...,O] with zeros for the last numbers."""
    hidden = obs.clone()
    hidden[..., obs.shape[-1] - goal_dim :] = 0.0
    return hidden
