"""Agent networks: features of one agent at one slot -> its outputs, e.g. action values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import torch
from torch import Tensor, nn

from marl.config.schema import option
from marl.nets.rnn import unrolled

Activation = Literal["relu", "tanh", "mish"]
ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "mish": nn.Mish,
}


class AgentNet(Protocol):
    """An agent network as a controller uses it; N is any number of independent rows."""

    carry_dim: int
    recurrent: bool  # an output depends on earlier inputs

    def __call__(self, inputs: Tensor, carry: Tensor) -> tuple[Tensor, Tensor]:
        """One slot: inputs [N,I], carry [N,H] -> outputs [N,U], carry [N,H]."""

    def unroll(self, inputs: Tensor, sizes: Tensor) -> Tensor:
        """All slots, from a blank carry: inputs [P,I] -> outputs [P,U].

        Rows lie by time as in marl/nets/packed.py; sizes: [T] rows at each slot, on the CPU.
        """


class RnnAgent(nn.Module):
    """Linear - ReLU - GRU - Linear, PyMARL's agent."""

    recurrent = True

    def __init__(self, input_dim: int, outputs: int, hidden_dim: int) -> None:
        super().__init__()
        self.carry_dim = hidden_dim
        self.encoder = nn.Linear(input_dim, hidden_dim)
        self.memory = nn.GRU(hidden_dim, hidden_dim)
        self.head = nn.Linear(hidden_dim, outputs)

    def forward(self, inputs: Tensor, carry: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.memory(torch.relu(self.encoder(inputs))[None], carry[None])[0][0]  # [N,H]
        return self.head(hidden), hidden

    def unroll(self, inputs: Tensor, sizes: Tensor) -> Tensor:
        return unrolled(self.encoder, self.memory, self.head, inputs, sizes)


def perceptron(
    inputs: int,
    hidden_dims: tuple[int, ...],
    outputs: int,
    activation: Activation = "relu",
    layer_norm: bool = False,
) -> nn.Sequential:
    """Linear layers, each but the last with its activation; layer_norm: normalised before it."""
    layers: list[nn.Module] = []
    for hidden_dim in hidden_dims:
        layers.append(nn.Linear(inputs, hidden_dim))
        layers += [nn.LayerNorm(hidden_dim)] if layer_norm else []
        layers.append(ACTIVATIONS[activation]())
        inputs = hidden_dim
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


class MlpAgent(nn.Module):
    """Linear layers without memory; the carry is passed on untouched."""

    recurrent = False

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.carry_dim = 1
        self.layers = layers

    def forward(self, inputs: Tensor, carry: Tensor) -> tuple[Tensor, Tensor]:
        return self.layers(inputs), carry

    def unroll(self, inputs: Tensor, sizes: Tensor) -> Tensor:
        outputs: Tensor = self.layers(inputs)
        return outputs


def with_agent_ids(parts: Sequence[Tensor], n_agents: int) -> Tensor:
    """Parts [...,A,I] of agents' inputs beside each other, and each agent's one-hot number."""
    ids = torch.eye(n_agents, dtype=parts[0].dtype, device=parts[0].device)
    return torch.cat([*parts, ids.expand(*parts[0].shape[:-1], n_agents)], dim=-1)


@dataclass(frozen=True)
class AgentInputs:
    """Inputs of every agent network beside the observation."""

    agent_id: bool = True  # append the agent's one-hot number
    last_action: bool = True  # append the agent's own last action, one-hot


@dataclass(frozen=True)
class RnnConfig(AgentInputs):
    """Agents with a memory."""

    kind: ClassVar[str] = "rnn"
    hidden_dim: int = option(64, low=1, high=2048)  # width of the GRU and of the layer before it

    def build(self, input_dim: int, outputs: int) -> RnnAgent:
        return RnnAgent(input_dim, outputs, self.hidden_dim)


@dataclass(frozen=True)
class MlpConfig(AgentInputs):
    """Agents that know only the slot at hand."""

    kind: ClassVar[str] = "mlp"
    hidden_dims: tuple[int, ...] = option((64, 64), low=1, high=4096)  # widths of the layers
    activation: Activation = "relu"
    layer_norm: bool = False  # before each activation

    def build(self, input_dim: int, outputs: int) -> MlpAgent:
        layers = perceptron(input_dim, self.hidden_dims, outputs, self.activation, self.layer_norm)
        return MlpAgent(layers)


AgentConfig = RnnConfig | MlpConfig


def make_orthogonal(net: nn.Module, last_gain: float) -> None:
    """Orthogonal weights and zero biases: gain sqrt(2) within, `last_gain` for the outputs.

    Usual for policy gradients: Andrychowicz et al. 2021, arXiv:2006.05990.
    """
    layers = [module for module in net.modules() if isinstance(module, nn.Linear | nn.GRU)]
    for layer in layers:
        gain = last_gain if layer is layers[-1] else 2.0**0.5
        for name, parameter in layer.named_parameters():
            if "bias" in name:
                nn.init.zeros_(parameter)
            else:
                nn.init.orthogonal_(parameter, 1.0 if isinstance(layer, nn.GRU) else gain)
