"""MUSIC's intrinsic reward: a step is paid where agent and surroundings have moved together.

    r = weight * (clip(scale * I, 0, 1) - 1),    in [-weight, 0]
    I: the estimate from the two points (x_t, y_t), (x_t+1, y_t+1) with their y swapped
    the statistics network climbs I over whole episodes, with their y permuted in time

Zhao et al. 2021 (arXiv:2103.08107). x is what an agent observes of itself, y of what surrounds it,
both as the environment shows them, whatever encoder the policy has; each agent is paid for its own.
The reward is computed when a step is learnt from, by the estimate of that time, and never stored.

Where we differ from the published code: there one random permutation of the two points serves a
whole batch, which half the time changes nothing, so that I <= 0 (Jensen) and every step is paid -1
(`shuffle=official`); here they are swapped. The estimate learns over whole episodes, of 51 points
with the published tasks, and is asked about two: kept. The weight is constant, as it is over the
published trainings, which end before their schedule does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from marl.batch import Column, EpisodeBatch, masked_mean
from marl.buffers.samplers import EpisodesAnew
from marl.intrinsic.config import BONUSES
from marl.intrinsic.mutual_information.estimate import (
    StatisticsNetwork,
    information,
    permutation,
    two_points,
)
from marl.intrinsic.mutual_information.options import MutualInformationOptions
from marl.intrinsic.parts import each_or_mean, part_of
from marl.nets.optimizing import descend, load_optimizer
from marl.protocols.experience import Sampler, Samples
from marl.protocols.loop import Metrics, Progress, State
from marl.spec import EnvSpec

EPISODES = "information"  # the name of its sample
EPS = 1e-8  # of Adam


class MutualInformation:
    """Learns how much of an agent's state its surroundings' tells, and pays for it."""

    columns: tuple[Column, ...] = ()

    def __init__(self, config: MutualInformationOptions, device: torch.device, seed: int) -> None:
        """seed: of the permutations."""
        self.config = config
        self.pretrained = config.pretrained
        self.device = device
        x_dim, y_dim = (
            last - first for first, last in (config.agent_state, config.surrounding_state)
        )
        self.network = StatisticsNetwork(x_dim, y_dim, config.hidden_dim).to(device)
        self.network.requires_grad_(self.pretrained is None)
        self.optimizer = torch.optim.Adam(
            [*self.network.parameters()], lr=config.lr, eps=EPS, foreach=True
        )
        self.rng = torch.Generator().manual_seed(seed)
        self.samplers: Mapping[str, Sampler] = {}
        if self.pretrained is None:
            self.samplers = {EPISODES: EpisodesAnew(config.batch_size)}

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Of the statistics network, unless it came from another run."""
        return [*self.network.parameters()] if self.pretrained is None else []

    def learn(self, samples: Samples) -> Metrics:
        """One step of the estimate; none where it came from another run."""
        if self.pretrained is not None:
            return {}
        estimate = self.estimate(samples[EPISODES])
        descend(-estimate, self.optimizer)
        return {"mi_estimate": estimate.detach()}

    def estimate(self, batch: EpisodeBatch) -> Tensor:
        """Mean over the trajectories of all agents of the estimate from all their points, 0-d.

        batch: whole episodes.
        """
        x, y = self._parts(batch)
        mask = batch.slots_filled[:, None].expand(x.shape[:-1])  # [B,A,T+1]
        others = permutation(mask, self.rng)[..., None].expand_as(y)
        network, of_x = self.network, self.network.of_x(x)
        joint = network.statistic(of_x, network.of_y(y))
        marginal = network.statistic(of_x, network.of_y(y.gather(2, others)))
        return information(joint, marginal, mask).mean()

    def _parts(self, batch: EpisodeBatch) -> tuple[Tensor, Tensor]:
        """x and y of each agent at each slot, [B,A,T+1,...] each."""
        obs, config = batch.obs.transpose(1, 2), self.config
        return part_of(obs, config.agent_state), part_of(obs, config.surrounding_state)

    @torch.no_grad()
    def of_transitions(self, batch: EpisodeBatch, swap: bool = True) -> Tensor:
        """The estimate from the two points of each step, [B,T,A]; not swap: they stay in place."""
        x, y = self._parts(batch)
        of_x, of_y = self.network.of_x(x), self.network.of_y(y)  # [B,A,T+1,H]
        joint = self.network.statistic(of_x, of_y)  # [B,A,T+1]
        before, after = joint[..., :-1], joint[..., 1:]
        crossed, crossed_back = before, after
        if swap:
            crossed = self.network.statistic(of_x[..., :-1, :], of_y[..., 1:, :])
            crossed_back = self.network.statistic(of_x[..., 1:, :], of_y[..., :-1, :])
        return two_points(before, after, crossed, crossed_back).transpose(1, 2)

    def __call__(
        self, batch: EpisodeBatch, bootstrap: Tensor, progress: Progress
    ) -> tuple[Tensor, Metrics]:
        """weight * (clip(scale * I, 0, 1) - 1) of each step, [B,T,A] (or [B,T,1])."""
        swap = self.config.shuffle == "swap" or torch.rand((), generator=self.rng).item() < 0.5
        estimate = self.of_transitions(batch, swap)  # [B,T,A]
        scaled = self.config.scale * estimate
        reward = self.config.weight * (scaled.clamp(0.0, 1.0) - 1.0) * batch.filled
        metrics = {
            "mi_transition": estimate,
            "mi_reward": reward,
            "mi_clipped_low": (scaled <= 0.0).to(scaled.dtype),
            "mi_clipped_high": (scaled >= 1.0).to(scaled.dtype),
        }
        means = {name: masked_mean(values, batch.filled) for name, values in metrics.items()}
        return each_or_mean(reward, bootstrap), means

    def scores(self, batch: EpisodeBatch) -> Tensor:
        """How much an episode tells: sum of clip(I, 0, most) over its steps and agents, [B]."""
        estimate = self.of_transitions(batch).clamp(0.0, self.config.most)
        return (estimate * batch.filled).sum((1, 2))

    def start_from(self, state: State) -> bool:
        """Take the estimate of another run's bonus; False where that had none."""
        found = state if "network" in state else state.get("mutual_information")
        if found is None or "network" not in found:
            return False
        self.network.load_state_dict(found["network"])
        return True

    def state_dict(self) -> State:
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "rng": self.rng.get_state(),
        }

    def load_state_dict(self, state: State) -> None:
        self.network.load_state_dict(state["network"])
        load_optimizer(self.optimizer, state["optimizer"])
        self.rng.set_state(state["rng"].cpu())


@BONUSES.add
@dataclass(frozen=True)
class MutualInformationConfig(MutualInformationOptions):
    """Pay for what the surroundings tell of the agent (MUSIC)."""

    kind: ClassVar[str] = "mutual_information"

    def build(self, spec: EnvSpec, gamma: float, device: torch.device) -> MutualInformation:
        return MutualInformation(self, device, int(torch.randint(2**62, ())))
