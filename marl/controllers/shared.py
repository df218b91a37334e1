"""One network for all agents, told which agent it speaks for."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from marl.batch import EpisodeBatch
from marl.nets.agents import AgentConfig
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
        """Values at all slots, [B,T+1,A,U]; starts each episode (or slice) with a blank carry."""
        last_actions = torch.cat([batch.previous_actions[:, None], batch.actions], dim=1)
        inputs = self.inputs(batch.obs, last_actions)  # [B,T+1,A,I]
        rows = inputs.transpose(0, 1).flatten(1, 2)  # [T+1,B*A,I]
        values, _ = self.net(rows, self.initial_carry(batch.size).flatten(0, 1))
        shape = (batch.steps + 1, batch.size, self.n_agents, self.n_actions)
        return values.view(shape).transpose(0, 1)
