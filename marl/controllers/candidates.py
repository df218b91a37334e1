"""Acting by choice: several actions are proposed, and the first critic picks the best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from marl.batch import Column
from marl.config.schema import option
from marl.controllers.squashed import SquashedPolicy
from marl.nets.agents import AgentConfig
from marl.nets.critics import QEnsemble
from marl.protocols.acting import Acted, Carry, ObservationTensors
from marl.protocols.loop import Progress
from marl.spec import EnvSpec


@dataclass(frozen=True)
class CandidatesConfig:
    """How many actions there are to choose from."""

    candidates: int = option(10, low=1, high=1000)


class Proposals(Protocol):
    """Who proposes actions to choose from."""

    def initial_carry(self, batch: int) -> Carry:
        """The carry before a first step, [B,...] each."""

    def propose(
        self, obs: Tensor, carry: Carry, rng: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """obs [B,A,O] -> actions [N,B,A,D], hidden [B,A,H]; without rng by noise kept for that."""

    def next_carry(self, hidden: Tensor, actions: Tensor) -> Carry:
        """The carry after actions [B,A,D]."""


class CandidatePolicy(SquashedPolicy):
    """A squashed Gaussian policy that proposes draws; greedy ones are by the same noise always."""

    candidate_noise: Tensor  # [N,1,1,D]

    def __init__(self, spec: EnvSpec, config: AgentConfig, candidates: CandidatesConfig) -> None:
        super().__init__(spec, config)
        noise = torch.randn(candidates.candidates, 1, 1, self.action_dim)
        self.register_buffer("candidate_noise", noise)

    def propose(
        self, obs: Tensor, carry: Carry, rng: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """obs [B,A,O] -> actions [N,B,A,D], hidden [B,A,H]."""
        outputs, hidden = self.step(obs, carry)
        gauss = self.gauss(outputs)
        noise = self.candidate_noise
        if rng is not None:
            noise = torch.randn(len(noise), *gauss.mean.shape, generator=rng).to(obs.device)
        return self.squash(gauss.draw(noise)), hidden


class CandidateActor:
    """Takes what the first critic thinks best of the proposed actions."""

    columns: tuple[Column, ...] = ()

    def __init__(self, proposals: Proposals, critics: QEnsemble) -> None:
        self.proposals = proposals
        self.critics = critics

    def initial_carry(self, batch: int) -> Carry:
        return self.proposals.initial_carry(batch)

    def act(
        self,
        observation: ObservationTensors,
        carry: Carry,
        progress: Progress,
        rng: torch.Generator,
        greedy: bool = False,
    ) -> Acted:
        """actions [B,A,D] within the bounds."""
        obs = observation.obs
        proposed, hidden = self.proposals.propose(obs, carry, None if greedy else rng)
        values = self.critics(obs.expand(*proposed.shape[:-1], -1), proposed, [0])[0]
        best = values.argmax(0)  # [B,A]
        picks = best[None, ..., None].expand(1, *proposed.shape[1:])
        actions = proposed.gather(0, picks)[0]
        return Acted(actions, self.proposals.next_carry(hidden, actions), {})

    def metrics(self, progress: Progress) -> dict[str, float]:
        return {}
