"""Agent networks: features of one agent at one slot -> a value for each action."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from marl.config import option


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
class AgentConfig:
    """The agents' network and what it is told beside the observation."""

    kind: Literal["rnn", "mlp"] = "rnn"
    hidden_dim: int = option(64, low=1)  # width of the GRU; the rnn only
    hidden_dims: tuple[int, ...] = (64, 64)  # widths of the layers; the mlp only
    agent_id: bool = True  # append the agent's one-hot number
    last_action: bool = True  # append the agent's own last action, one-hot

    def build(self, input_dim: int, n_actions: int) -> RnnAgent | MlpAgent:
        if self.kind == "rnn":
            return RnnAgent(input_dim, n_actions, self.hidden_dim)
        return MlpAgent(input_dim, n_actions, self.hidden_dims)
