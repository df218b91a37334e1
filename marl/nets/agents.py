"""Agent networks: features of one agent at one slot -> a value for each action."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor, nn

from marl.config.schema import option


class AgentNet(Protocol):
    """What a controller asks of an agent network; N is any number of independent rows."""

    carry_dim: int

    def __call__(self, inputs: Tensor, carry: Tensor) -> tuple[Tensor, Tensor]:
        """inputs [T,N,I], carry [N,H] before the first slot -> values [T,N,U], carry [N,H]."""


class RnnAgent(nn.Module):
    """Linear - ReLU - GRU - Linear, PyMARL's agent.

    The GRU runs fused over the whole sequence: same numbers as a cell in a loop, fewer calls.
    """

    def __init__(self, input_dim: int, n_actions: int, hidden_dim: int) -> None:
        super().__init__()
        self.carry_dim = hidden_dim
        self.encoder = nn.Linear(input_dim, hidden_dim)
        self.memory = nn.GRU(hidden_dim, hidden_dim)
        self.head = nn.Linear(hidden_dim, n_actions)

    def forward(self, inputs: Tensor, carry: Tensor) -> tuple[Tensor, Tensor]:
        hidden, last = self.memory(torch.relu(self.encoder(inputs)), carry[None])  # [T,N,H]
        return self.head(hidden), last[0]


class MlpAgent(nn.Module):
    """Linear - ReLU layers without memory; the carry is passed on untouched."""

    def __init__(self, input_dim: int, n_actions: int, hidden_dims: tuple[int, ...]) -> None:
        super().__init__()
        self.carry_dim = 1
        layers: list[nn.Module] = []
        width = input_dim
        for hidden_dim in hidden_dims:
            layers += [nn.Linear(width, hidden_dim), nn.ReLU()]
            width = hidden_dim
        self.layers = nn.Sequential(*layers, nn.Linear(width, n_actions))

    def forward(self, inputs: Tensor, carry: Tensor) -> tuple[Tensor, Tensor]:
        return self.layers(inputs), carry


@dataclass(frozen=True)
class AgentInputs:
    """What every agent network is told beside the observation."""

    agent_id: bool = True  # append the agent's one-hot number
    last_action: bool = True  # append the agent's own last action, one-hot


@dataclass(frozen=True)
class RnnConfig(AgentInputs):
    """Agents with a memory."""

    kind: ClassVar[str] = "rnn"
    hidden_dim: int = option(64, low=1)  # width of the GRU and of the layer before it

    def build(self, input_dim: int, n_actions: int) -> RnnAgent:
        return RnnAgent(input_dim, n_actions, self.hidden_dim)


@dataclass(frozen=True)
class MlpConfig(AgentInputs):
    """Agents that know only the slot at hand."""

    kind: ClassVar[str] = "mlp"
    hidden_dims: tuple[int, ...] = option((64, 64), low=1)  # widths of the layers

    def build(self, input_dim: int, n_actions: int) -> MlpAgent:
        return MlpAgent(input_dim, n_actions, self.hidden_dims)


AgentConfig = RnnConfig | MlpConfig
