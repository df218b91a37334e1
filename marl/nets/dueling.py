"""Dueling agent networks: action values as the worth of a state and what each action adds to it.

    Q(s, a) = V(s) + F(s, a) - mean over all actions of F(s, .)

Wang et al. 2016, arXiv:1511.06581, equation 9. The mean is over all U actions, available or not:
networks are not told which are, and a value must not change with what else could be done. As in
the paper V and F each have a last hidden layer of their own (mlp); an rnn's are linear in its
memory, which both share.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor, nn

from marl.nets.agents import Activation, MlpAgent, MlpConfig, RnnAgent, RnnConfig, perceptron


def dueling_values(value: Tensor, advantages: Tensor) -> Tensor:
    """value [...,1], advantages [...,U] -> action values [...,U]."""
    return value + advantages - advantages.mean(-1, keepdim=True)


class DuelingRnnAgent(RnnAgent):
    """PyMARL's agent whose head gives V, then F."""

    def __init__(self, input_dim: int, outputs: int, hidden_dim: int) -> None:
        super().__init__(input_dim, 1 + outputs, hidden_dim)

    def forward(self, inputs: Tensor, carry: Tensor) -> tuple[Tensor, Tensor]:
        streams, hidden = super().forward(inputs, carry)
        return dueling_values(streams[..., :1], streams[..., 1:]), hidden

    def unroll(self, inputs: Tensor, sizes: Tensor) -> Tensor:
        streams = super().unroll(inputs, sizes)
        return dueling_values(streams[..., :1], streams[..., 1:])


class DuelingLayers(nn.Module):
    """Linear layers that part before the last hidden one."""

    def __init__(
        self,
        input_dim: int,
        outputs: int,
        hidden_dims: tuple[int, ...],
        activation: Activation,
        layer_norm: bool = False,
    ) -> None:
        super().__init__()
        shared, own = hidden_dims[:-1], hidden_dims[-1:]
        width = shared[-1] if shared else input_dim
        # A perceptron up to its last activation.
        self.trunk = perceptron(input_dim, shared, 1, activation, layer_norm)[:-1]
        self.value = perceptron(width, own, 1, activation, layer_norm)
        self.advantages = perceptron(width, own, outputs, activation, layer_norm)

    def forward(self, inputs: Tensor) -> Tensor:
        features = self.trunk(inputs)
        return dueling_values(self.value(features), self.advantages(features))


@dataclass(frozen=True)
class ValueRnnConfig(RnnConfig):
    """Agents with a memory that value actions."""

    dueling: bool = False  # V and F - mean F in the place of action values at once

    def build(self, input_dim: int, outputs: int) -> RnnAgent:
        agent = DuelingRnnAgent if self.dueling else RnnAgent
        return agent(input_dim, outputs, self.hidden_dim)


@dataclass(frozen=True)
class ValueMlpConfig(MlpConfig):
    """Agents without a memory that value actions."""

    dueling: bool = False  # V and F - mean F in the place of action values at once

    def build(self, input_dim: int, outputs: int) -> MlpAgent:
        if not self.dueling:
            return super().build(input_dim, outputs)
        shape = (self.hidden_dims, self.activation, self.layer_norm)
        return MlpAgent(DuelingLayers(input_dim, outputs, *shape))


ValueAgentConfig = ValueRnnConfig | ValueMlpConfig


def without_dueling(config: ValueAgentConfig) -> ValueAgentConfig:
    """The same network with plain outputs: for what is no value, V cancels out."""
    return replace(config, dueling=False) if config.dueling else config
