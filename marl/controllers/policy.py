"""Stochastic policies: a network's outputs as a distribution over actions, and its actor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from marl.batch import BEFORE, Column, EpisodeBatch
from marl.controllers.shared import ALL, SharedController
from marl.nets.agents import AgentConfig, MlpConfig, make_orthogonal
from marl.nets.distributions import distribution_of
from marl.protocols.acting import Acted, Carry, ObservationTensors
from marl.protocols.loop import Progress
from marl.spec import Discrete, EnvSpec

LOG_PROB = "log_prob"  # the column of an actor's extras: [B,T,A], of the actions taken


class StochasticPolicy(SharedController):
    """Outputs for each agent and slot, and the distribution that they stand for."""

    def __init__(self, spec: EnvSpec, config: AgentConfig) -> None:
        distribution = distribution_of(spec.action)
        super().__init__(spec, config, outputs=distribution.outputs)
        self.distribution = distribution
        make_orthogonal(self.net, last_gain=0.01)  # nearly the same for all actions at first

    def evaluate(self, batch: EpisodeBatch) -> tuple[Tensor, Tensor]:
        """Log-probability of the actions taken, and the entropy, [B,T,A] each."""
        outputs = self.unroll(batch, BEFORE)
        avail = batch.avail[:, BEFORE] if isinstance(self.action, Discrete) else None
        log_prob = self.distribution.log_prob(outputs, avail, batch.actions)
        return log_prob, self.distribution.entropy(outputs, avail)


class StochasticActor:
    """Draws from a policy; asked greedily it takes the likeliest action."""

    def __init__(self, policy: StochasticPolicy, keeps: bool = True) -> None:
        """keeps: whether an action's log-probability is kept, which on-policy learning needs."""
        self.policy = policy
        column = Column(LOG_PROB, "step", (policy.n_agents,), torch.float32)
        self.columns: tuple[Column, ...] = (column,) if keeps else ()

    def initial_carry(self, batch: int) -> Carry:
        return self.policy.initial_carry(batch)

    def act(
        self,
        observation: ObservationTensors,
        carry: Carry,
        progress: Progress,
        rng: torch.Generator,
        greedy: bool = False,
    ) -> Acted:
        """actions [B,A] or [B,A,D]; of continuous ones the environment clips what goes beyond."""
        distribution, avail = self.policy.distribution, observation.avail
        outputs, hidden = self.policy.step(observation.obs, carry)
        if greedy:
            actions = distribution.mode(outputs, avail)
        else:
            actions = distribution.sample(outputs, avail, rng)
        extras = {}
        if self.columns:
            extras[LOG_PROB] = distribution.log_prob(outputs, avail, actions)
        return Acted(actions, self.policy.next_carry(hidden, actions), extras)

    def metrics(self, progress: Progress) -> dict[str, float]:
        return {}


@dataclass(frozen=True)
class StateValueConfig:
    """The critic: a value for each agent and slot."""

    # obs: the agent's own observation (IPPO). state: the environment's state for all alike.
    # agent_state: the state and the agent's own observation (MAPPO's agent-specific state).
    input: Literal["obs", "state", "agent_state"] = "obs"
    mask_dead: bool = True  # zeros for an agent that has no choice left, beside its number
    net: AgentConfig = MlpConfig()


class StateValue(SharedController):
    """V of each agent at each slot."""

    def __init__(self, spec: EnvSpec, config: StateValueConfig) -> None:
        width = {"obs": spec.obs_dim, "state": spec.state_dim}
        width["agent_state"] = spec.obs_dim + spec.state_dim
        super().__init__(replace(spec, obs_dim=width[config.input]), config.net, outputs=1)
        self.config = config
        make_orthogonal(self.net, last_gain=1.0)

    def seen(self, batch: EpisodeBatch) -> Tensor:
        states = batch.state[:, :, None].expand(-1, -1, self.n_agents, -1)  # [B,T+1,A,S]
        if self.config.input == "obs":
            seen = batch.obs
        elif self.config.input == "state":
            seen = states
        else:
            seen = torch.cat([batch.obs, states], dim=-1)
        if self.config.mask_dead:
            seen = seen * has_choice(batch)[..., None]
        return seen

    def values(self, batch: EpisodeBatch, slots: slice = ALL) -> Tensor:
        """[B,T',A]."""
        return self.unroll(batch, slots)[..., 0]


def has_choice(batch: EpisodeBatch) -> Tensor:
    """Agents with more than one available action, [B,T+1,A] bool: in SMAC, those alive."""
    if "avail" not in batch.layout:
        return batch.slots_filled[..., None].expand(*batch.obs.shape[:3])
    return batch.avail.sum(-1) > 1
