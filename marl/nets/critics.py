"""Critics of actions as vectors: ensembles of Q(s, a), computed as one batched product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from marl.batch import BEFORE, EpisodeBatch
from marl.config.schema import option
from marl.nets.agents import ACTIVATIONS, Activation, with_agent_ids
from marl.spec import EnvSpec

Picked = list[int] | None  # numbers of the networks that are asked; None: all K


@dataclass(frozen=True)
class CriticConfig:
    """Perceptrons on an agent's observation and action."""

    kind: ClassVar[str] = "own"
    count: int = option(2, low=1, high=64)  # of the ensemble
    hidden_dims: tuple[int, ...] = option((256, 256), low=1, high=4096)
    activation: Activation = "relu"
    layer_norm: bool = False  # before each activation
    agent_id: bool = False  # append the agent's one-hot number

    def build(self, spec: EnvSpec) -> QEnsemble:
        return QEnsemble(spec, self)


def chosen(weights: Tensor, picked: Picked) -> Tensor:
    """The weights [K,...] of the picked networks; those of one or of all are no copy."""
    if picked is None:
        return weights
    if len(picked) == 1:
        return weights[picked[0] : picked[0] + 1]
    return weights[picked]


CACHED_ROWS = 256  # of a network's inputs, that its layers' outputs stay in a core's cache


def cached_parts(inputs: Tensor) -> Sequence[Tensor]:
    """Inputs [N,...,I] in parts along N that a CPU is quicker with one after the other."""
    if inputs.device.type != "cpu":
        return [inputs]
    return inputs.split(max(1, CACHED_ROWS // inputs[0, ..., 0].numel()))


class EnsembleLinear(nn.Module):
    """One linear layer of each of K networks: [K,N,I] -> [K,N,J]. Initialised as torch's Linear."""

    def __init__(self, count: int, inputs: int, outputs: int) -> None:
        super().__init__()
        layers = [nn.Linear(inputs, outputs) for _ in range(count)]
        self.weight = nn.Parameter(torch.stack([layer.weight.detach().T for layer in layers]))
        self.bias = nn.Parameter(torch.stack([layer.bias.detach()[None] for layer in layers]))

    def forward(self, inputs: Tensor, picked: Picked = None) -> Tensor:
        return torch.baddbmm(chosen(self.bias, picked), inputs, chosen(self.weight, picked))


class EnsembleNorm(nn.Module):
    """Layer normalisation of each of K networks, with weights of their own: [K,N,J] -> [K,N,J]."""

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(count, 1, width))
        self.bias = nn.Parameter(torch.zeros(count, 1, width))

    def forward(self, inputs: Tensor, picked: Picked = None) -> Tensor:
        normed = nn.functional.layer_norm(inputs, inputs.shape[-1:])
        return torch.addcmul(chosen(self.bias, picked), normed, chosen(self.weight, picked))


class EnsembleActivation(nn.Module):
    """The same for all networks."""

    def __init__(self, function: nn.Module) -> None:
        super().__init__()
        self.function = function

    def forward(self, inputs: Tensor, picked: Picked = None) -> Tensor:
        return self.function(inputs)


class QEnsemble(nn.Module):
    """K independent critics; all agents share them. G values of a step: here one for each, A."""

    def __init__(self, spec: EnvSpec, config: CriticConfig, inputs: int | None = None) -> None:
        """inputs: numbers that a critic sees, an agent's own by default."""
        super().__init__()
        count = self.count = config.count
        self.n_agents = spec.n_agents
        self.agent_id = config.agent_id
        own = spec.obs_dim + spec.action_width + (spec.n_agents if config.agent_id else 0)
        width = own if inputs is None else inputs
        layers: list[nn.Module] = []
        for hidden_dim in config.hidden_dims:
            layers.append(EnsembleLinear(count, width, hidden_dim))
            layers += [EnsembleNorm(count, hidden_dim)] if config.layer_norm else []
            layers.append(EnsembleActivation(ACTIVATIONS[config.activation]()))
            width = hidden_dim
        self.layers = nn.ModuleList([*layers, EnsembleLinear(count, width, 1)])

    def values(
        self, batch: EpisodeBatch, slots: slice, actions: Tensor, picked: Picked = None
    ) -> Tensor:
        """Of actions [B,T',A,D], or of N for each [N,B,T',A,D], at the slots: [K,(N,)B,T',A]."""
        obs = batch.obs[:, slots]
        return self(obs.expand(*actions.shape[:-1], obs.shape[-1]), actions, picked)

    def own_values(
        self, batch: EpisodeBatch, taken: Tensor, actions: Tensor, picked: Picked = None
    ) -> Tensor:
        """What a policy climbs: of its actions [B,T,A,D] before each step, [K,B,T,G'].

        taken: those of the batch as vectors, likewise.
        """
        return self.values(batch, BEFORE, actions, picked)

    def values_of_each(self, batch: EpisodeBatch, slots: slice, actions: Tensor) -> Tensor:
        """As `values` of N actions for each, [N,B,T',A,D] -> [K,N,B,T',A], by cached parts."""
        parts = cached_parts(actions)
        return torch.cat([self.values(batch, slots, part) for part in parts], dim=1)

    def forward(self, obs: Tensor, actions: Tensor, picked: Picked = None) -> Tensor:
        """obs [...,A,O], actions [...,A,D] -> [K,...,A]; picked: of these critics alone."""
        parts = [obs, actions]
        joined = with_agent_ids(parts, self.n_agents) if self.agent_id else torch.cat(parts, dim=-1)
        return self.evaluate(joined, picked)

    def evaluate(self, inputs: Tensor, picked: Picked = None) -> Tensor:
        """inputs [...,I] -> [K,...]."""
        count = self.count if picked is None else len(picked)
        values = inputs.view(1, -1, inputs.shape[-1]).expand(count, -1, -1)
        for layer in self.layers:
            values = layer(values, picked)
        return values.view(count, *inputs.shape[:-1])
