"""One network for all agents; an input says which agent it stands for."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from marl.batch import EpisodeBatch
from marl.nets.agents import AgentConfig, with_agent_ids
from marl.nets.packed import Packed
from marl.protocols.acting import Carry
from marl.spec import Discrete, EnvSpec

ALL = slice(None)


class Reading(NamedTuple):
    """What a controller's network sees of a batch."""

    inputs: Tensor  # [P,A,I]
    packed: Packed  # where they stand in the batch


class SharedController(nn.Module):
    """Parameter sharing: the same agent network runs for each agent on its own observation.

    outputs: numbers for each agent and slot, action values by default.
    """

    def __init__(self, spec: EnvSpec, config: AgentConfig, outputs: int | None = None) -> None:
        super().__init__()
        self.n_agents = spec.n_agents
        self.action = spec.action
        self.agent_id = config.agent_id
        self.last_action = config.last_action
        self.outputs = spec.n_actions if outputs is None else outputs
        input_dim = spec.obs_dim
        input_dim += spec.action_width if config.last_action else 0
        input_dim += spec.n_agents if config.agent_id else 0
        self.net = config.build(input_dim, self.outputs)

    def initial_carry(self, batch: int) -> Carry:
        """hidden: zeros [B,A,H]; actions: zeros, none was taken; started: True."""
        device = next(self.net.parameters()).device
        agents = (batch, self.n_agents)
        if isinstance(self.action, Discrete):
            actions = torch.zeros(agents, dtype=torch.int64, device=device)
        else:
            actions = torch.zeros(*agents, self.action.dim, device=device)
        return {
            "hidden": torch.zeros(*agents, self.net.carry_dim, device=device),
            "actions": actions,
            "started": torch.ones(batch, dtype=torch.bool, device=device),
        }

    def next_carry(self, hidden: Tensor, actions: Tensor) -> Carry:
        """The carry after a step. hidden [B,A,H]; actions: those taken, [B,A] or [B,A,D]."""
        started = torch.zeros(len(actions), dtype=torch.bool, device=actions.device)
        return {"hidden": hidden, "actions": actions, "started": started}

    def inputs(self, obs: Tensor, previous: Tensor, started: Tensor) -> Tensor:
        """obs [...,A,O], previous actions [...,A] or [...,A,D], started [...] -> [...,A,I].

        Where an episode has just started there was no previous action: zeros stand for it.
        """
        parts = [obs]
        if self.last_action:
            if isinstance(self.action, Discrete):
                # Index 0 stands for "none" and is cut off, so that none becomes all zeros.
                number = (previous + 1) * ~started[..., None]
                parts.append(one_hot(number, self.action.n + 1)[..., 1:].to(obs.dtype))
            else:
                parts.append(previous * ~started[..., None, None])
        if self.agent_id:
            return with_agent_ids(parts, self.n_agents)
        return torch.cat(parts, dim=-1) if len(parts) > 1 else obs

    def step(self, obs: Tensor, carry: Carry) -> tuple[Tensor, Tensor]:
        """One slot: obs [B,A,O] -> outputs [B,A,U], hidden [B,A,H]."""
        shape = (obs.shape[0], self.n_agents, -1)
        inputs = self.inputs(obs, carry["actions"], carry["started"]).flatten(0, 1)  # [B*A,I]
        outputs, hidden = self.net(inputs, carry["hidden"].flatten(0, 1))
        return outputs.view(shape), hidden.view(shape)

    def unroll(self, batch: EpisodeBatch, slots: slice = ALL) -> Tensor:
        """Outputs at all filled slots, zero in the padding, [B,T+1,A,U].

        Every episode (or slice) starts with blank hidden numbers. slots: those asked for; what a
        network without memory does not need for them is not computed.
        """
        if not self.net.recurrent:
            return self._outputs_at(batch, slots)
        reading = self.read(batch)
        return reading.packed.unpack(self.outputs_of(reading))[:, slots]

    def _outputs_at(self, batch: EpisodeBatch, slots: slice) -> Tensor:
        """As `unroll`, by a network without memory: the padding is computed and set to zero."""
        parts = (part[:, slots] for part in (self.seen(batch), *self._before(batch)))
        inputs = self.inputs(*parts)  # [B,T',A,I]
        rows = torch.tensor([inputs[..., 0].numel()])
        outputs = self.net.unroll(inputs.flatten(0, 2), rows).view(*inputs.shape[:-1], self.outputs)
        filled = batch.slots_filled[:, slots]
        return outputs if bool(filled.all()) else outputs * filled[..., None, None]

    def _before(self, batch: EpisodeBatch) -> tuple[Tensor, Tensor]:
        """Actions before each slot, [B,T+1,A] or [B,T+1,A,D], and whether there were none."""
        started = torch.zeros_like(batch.slots_filled)
        started[:, 0] = batch.started
        return torch.cat([batch.previous_actions[:, None], batch.actions], dim=1), started

    def seen(self, batch: EpisodeBatch) -> Tensor:
        """Features of each agent beside its actions and number, [B,T+1,A,O]."""
        return batch.obs

    def read(self, batch: EpisodeBatch, slots: slice = ALL) -> Reading:
        """The inputs at these slots: the same for every network of this shape."""
        filled = batch.slots_filled[:, slots]
        packed = Packed(filled.sum(1), filled.shape[1])
        parts = (packed.pack(part[:, slots]) for part in (self.seen(batch), *self._before(batch)))
        return Reading(self.inputs(*parts), packed)

    def outputs_of(self, reading: Reading) -> Tensor:
        """Outputs at the slots that were read, packed, [P,A,U]."""
        sizes = reading.packed.sizes * self.n_agents
        outputs = self.net.unroll(reading.inputs.flatten(0, 1), sizes)  # [P*A,U]
        return outputs.view(-1, self.n_agents, self.outputs)
