"""One network for all agents, told which agent it speaks for."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from marl.batch import EpisodeBatch
from marl.nets.agents import AgentConfig
from marl.nets.ragged import chunks, join
from marl.spec import EnvSpec


class SharedController(nn.Module):
    """Parameter sharing: the same agent network runs for each agent on its own observation."""

    def __init__(self, spec: EnvSpec, config: AgentConfig) -> None:
        super().__init__()
        self.n_agents = spec.n_agents
        self.n_actions = spec.n_actions
        self.agent_id = config.agent_id
        self.last_action = config.last_action
        input_dim = spec.obs_dim
        input_dim += spec.n_actions if config.last_action else 0
        input_dim += spec.n_agents if config.agent_id else 0
        self.net = config.build(input_dim, spec.n_actions)

    def initial_carry(self, batch: int) -> Tensor:
        """Zeros, [B,A,H]."""
        device = next(self.net.parameters()).device
        return torch.zeros(batch, self.n_agents, self.net.carry_dim, device=device)

    def inputs(self, obs: Tensor, last_actions: Tensor) -> Tensor:
        """obs [...,A,O], last_actions [...,A] with -1 for none -> [...,A,I]."""
        parts = [obs]
        if self.last_action:
            # Index 0 stands for "none" and is cut off, so that none becomes all zeros.
            parts.append(one_hot(last_actions + 1, self.n_actions + 1)[..., 1:].to(obs.dtype))
        if self.agent_id:
            ids = torch.eye(self.n_agents, dtype=obs.dtype, device=obs.device)
            parts.append(ids.expand(*obs.shape[:-1], self.n_agents))
        return torch.cat(parts, dim=-1) if len(parts) > 1 else obs

    def step(self, obs: Tensor, last_actions: Tensor, carry: Tensor) -> tuple[Tensor, Tensor]:
        """One slot: obs [B,A,O], last_actions [B,A], carry [B,A,H] -> values [B,A,U], carry."""
        batch = obs.shape[0]
        inputs = self.inputs(obs, last_actions).flatten(0, 1)  # [B*A,I]
        values, carry = self.net(inputs[None], carry.flatten(0, 1))
        shape = (batch, self.n_agents, -1)
        return values[0].view(shape), carry.view(shape)

    def unroll(self, batch: EpisodeBatch) -> Tensor:
        """Values at all filled slots, [B,T+1,A,U], zero in the padding.

        Every episode (or slice) starts with a blank carry. Sorted by falling length, a batch costs
        little more than its filled slots.
        """
        last_actions = torch.cat([batch.previous_actions[:, None], batch.actions], dim=1)
        slots = batch.slots_filled.sum(1)  # [B]
        carry = self.initial_carry(batch.size)
        pieces = []
        for start, stop, rows in chunks(slots, batch.steps + 1):
            part = slice(rows), slice(start, stop)
            inputs = self.inputs(batch.obs[part], last_actions[part])  # [rows,T',A,I]
            by_time = inputs.transpose(0, 1).flatten(1, 2)  # [T',rows*A,I]
            values, carry = self.net(by_time, carry[:rows].flatten(0, 1))
            carry = carry.view(rows, self.n_agents, -1)
            shape = (stop - start, rows, self.n_agents, self.n_actions)
            pieces.append(values.view(shape).transpose(0, 1))
        return join(pieces, batch.size)
