"""Critics of a whole team's actions: one that sees all agents, and one that mixes their values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from marl.batch import BEFORE, EpisodeBatch
from marl.nets.critics import CriticConfig, Picked, QEnsemble
from marl.nets.mixers import MixerConfig, QmixMixerConfig
from marl.spec import EnvSpec


@dataclass(frozen=True)
class JointCriticConfig(CriticConfig):
    """One value of the state and all agents' actions (MADDPG's, of a team with one reward)."""

    kind: ClassVar[str] = "joint"

    def __post_init__(self) -> None:
        if self.agent_id:
            raise ValueError("agent_id: a joint critic sees all agents at once; leave it away")

    def build(self, spec: EnvSpec) -> JointCritics:
        return JointCritics(spec, self)


class JointCritics(QEnsemble):
    """K critics Q(s, a_1 .. a_A), G = 1."""

    def __init__(self, spec: EnvSpec, config: CriticConfig) -> None:
        super().__init__(spec, config, inputs=spec.state_dim + spec.n_agents * spec.action_width)

    def values(
        self, batch: EpisodeBatch, slots: slice, actions: Tensor, picked: Picked = None
    ) -> Tensor:
        """[K,B,T',1]."""
        team = actions.flatten(-2)[..., None, :]  # [...,1,A*D]
        state = batch.state[:, slots, None]  # [B,T',1,S]
        inputs = torch.cat([state.expand(*team.shape[:-1], state.shape[-1]), team], dim=-1)
        return self.evaluate(inputs, picked)

    def own_values(
        self, batch: EpisodeBatch, taken: Tensor, actions: Tensor, picked: Picked = None
    ) -> Tensor:
        """[K,B,T,A]: of each agent's new action, while the others do what they did."""
        n_agents, width = self.n_agents, actions.shape[-1]
        own = torch.eye(n_agents, dtype=torch.bool, device=actions.device)[..., None]  # [A,A,1]
        team = torch.where(own, actions[..., None, :], taken[..., None, :, :])  # [B,T,A,A,D]
        state = batch.state[:, BEFORE, None].expand(-1, -1, n_agents, -1)  # [B,T,A,S]
        inputs = torch.cat([state, team.reshape(*team.shape[:-2], n_agents * width)], dim=-1)
        return self.evaluate(inputs, picked)


@dataclass(frozen=True)
class MixedCriticConfig(CriticConfig):
    """Each agent's value of its own observation and action, mixed into one (FACMAC's)."""

    kind: ClassVar[str] = "mixed"
    mixer: MixerConfig = QmixMixerConfig()

    def build(self, spec: EnvSpec) -> MixedCritics:
        return MixedCritics(spec, self)


class MixedCritics(QEnsemble):
    """K critics mix(Q(o_1, a_1) .. Q(o_A, a_A), s), G as the mixer has it."""

    def __init__(self, spec: EnvSpec, config: MixedCriticConfig) -> None:
        super().__init__(spec, config)
        self.mixers = nn.ModuleList([config.mixer.build(spec) for _ in range(config.count)])

    def values(
        self, batch: EpisodeBatch, slots: slice, actions: Tensor, picked: Picked = None
    ) -> Tensor:
        """[K,B,T',G]; a policy climbs it with all agents' actions at once."""
        own = super().values(batch, slots, actions, picked)  # [K,B,T',A]
        numbers = range(self.count) if picked is None else picked
        state = batch.state[:, slots]
        mixed = [
            self.mixers[number](value, state) for number, value in zip(numbers, own, strict=True)
        ]
        return torch.stack(mixed)


AnyCriticConfig = CriticConfig | JointCriticConfig | MixedCriticConfig
