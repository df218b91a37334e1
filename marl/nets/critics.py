"""Critics of continuous actions: ensembles of Q(s, a), computed as one batched product."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from marl.config.schema import option
from marl.spec import EnvSpec


@dataclass(frozen=True)
class CriticConfig:
    """Perceptrons on an agent's observation and action."""

    count: int = option(2, low=1, high=64)  # of the ensemble
    hidden_dims: tuple[int, ...] = option((256, 256), low=1, high=4096)
    agent_id: bool = False  # append the agent's one-hot number

    def build(self, spec: EnvSpec) -> QEnsemble:
        return QEnsemble(spec, self)


class EnsembleLinear(nn.Module):
    """One linear layer of each of K networks: [K,N,I] -> [K,N,J]. Initialised as torch's Linear."""

    def __init__(self, count: int, inputs: int, outputs: int) -> None:
        super().__init__()
        layers = [nn.Linear(inputs, outputs) for _ in range(count)]
        self.weight = nn.Parameter(torch.stack([layer.weight.detach().T for layer in layers]))
        self.bias = nn.Parameter(torch.stack([layer.bias.detach()[None] for layer in layers]))

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, inputs, self.weight)


class QEnsemble(nn.Module):
    """K independent critics; all agents share them."""

    def __init__(self, spec: EnvSpec, config: CriticConfig) -> None:
        super().__init__()
        self.count = config.count
        self.n_agents = spec.n_agents
        self.agent_id = config.agent_id
        width = spec.obs_dim + spec.action_width + (spec.n_agents if config.agent_id else 0)
        layers: list[nn.Module] = []
        for hidden_dim in config.hidden_dims:
            layers += [EnsembleLinear(config.count, width, hidden_dim), nn.ReLU()]
            width = hidden_dim
        self.layers = nn.Sequential(*layers, EnsembleLinear(config.count, width, 1))

    def forward(self, obs: Tensor, actions: Tensor) -> Tensor:
        """obs [...,A,O], actions [...,A,D] -> [K,...,A]."""
        parts = [obs, actions]
        if self.agent_id:
            ids = torch.eye(self.n_agents, dtype=obs.dtype, device=obs.device)
            parts.append(ids.expand(*obs.shape[:-1], self.n_agents))
        inputs = torch.cat(parts, dim=-1)
        flat = inputs.reshape(1, -1, inputs.shape[-1]).expand(self.count, -1, -1)
        return self.layers(flat)[..., 0].view(self.count, *inputs.shape[:-1])
