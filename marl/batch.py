"""EpisodeBatch: the one type that carries experience from runner to learner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from marl.spec import EnvSpec


@dataclass(frozen=True)
class EpisodeBatch:
    """B episodes (or slices of episodes) of up to T steps; a transition is a slice with T = 1.

    A step t has slots t (before it) and t + 1 (after it), so there is one slot more than steps.
    Padding follows the last step of an episode: `filled` is False and everything else is zero.
    `terminated` means that nothing follows, so no bootstrap; a time limit that the environment
    does not count as an ending leaves it False.
    """

    obs: Tensor  # [B,T+1,A,O] float32
    state: Tensor  # [B,T+1,S] float32
    avail: Tensor  # [B,T+1,A,U] bool, the actions an agent may take
    actions: Tensor  # [B,T,A] int64
    reward: Tensor  # [B,T,1] float32, shared by the team
    terminated: Tensor  # [B,T,1] bool
    filled: Tensor  # [B,T,1] bool, True where a step really happened
    previous_actions: Tensor  # [B,A] int64, taken before slot 0; -1 where slot 0 is a start
    episode: Tensor  # [B] int64, running number of the episode
    won: Tensor  # [B] bool, the episode ended in a win (False where wins are not reported)

    @classmethod
    def empty(cls, spec: EnvSpec, batch: int, steps: int) -> EpisodeBatch:
        """Uninitialised storage for `batch` episodes of `steps` steps (memory is taken on use)."""
        b, t, a = batch, steps, spec.n_agents
        return cls(
            obs=torch.empty(b, t + 1, a, spec.obs_dim),
            state=torch.empty(b, t + 1, spec.state_dim),
            avail=torch.empty(b, t + 1, a, spec.n_actions, dtype=torch.bool),
            actions=torch.empty(b, t, a, dtype=torch.int64),
            reward=torch.empty(b, t, 1),
            terminated=torch.empty(b, t, 1, dtype=torch.bool),
            filled=torch.zeros(b, t, 1, dtype=torch.bool),
            previous_actions=torch.full((b, a), -1, dtype=torch.int64),
            episode=torch.zeros(b, dtype=torch.int64),
            won=torch.zeros(b, dtype=torch.bool),
        )

    @property
    def size(self) -> int:
        """B."""
        return self.filled.shape[0]

    @property
    def steps(self) -> int:
        """T, the number of step columns, padding included."""
        return self.filled.shape[1]

    @property
    def lengths(self) -> Tensor:
        """Steps that really happened in each episode, [B] int64."""
        return self.filled[..., 0].sum(1)

    @property
    def slots_filled(self) -> Tensor:
        """True at each slot that holds a real observation (the final one too), [B,T+1] bool."""
        filled = self.filled[..., 0]
        return torch.cat([filled[:, :1], filled], dim=1)

    def map(self, function: Callable[[Tensor], Tensor]) -> EpisodeBatch:
        """The batch with `function` applied to every tensor."""
        return EpisodeBatch(**{f.name: function(getattr(self, f.name)) for f in fields(self)})

    def rows(self, start: int, stop: int) -> EpisodeBatch:
        """Episodes start..stop-1, views."""
        return self.map(lambda tensor: tensor[start:stop])

    def to(self, device: torch.device) -> EpisodeBatch:
        """The batch on `device`; no copy where it is there already."""
        return self.map(lambda tensor: tensor.to(device))

    def trim(self) -> EpisodeBatch:
        """The batch cut to its longest episode (at least one step)."""
        steps = max(1, int(self.lengths.max()))
        if steps == self.steps:
            return self
        slots = {f: getattr(self, f)[:, : steps + 1] for f in SLOT_FIELDS}
        each = {f: getattr(self, f)[:, :steps] for f in STEP_FIELDS}
        rest = {f: getattr(self, f) for f in EPISODE_FIELDS}
        return EpisodeBatch(**slots, **each, **rest)


SLOT_FIELDS = ("obs", "state", "avail")
STEP_FIELDS = ("actions", "reward", "terminated", "filled")
EPISODE_FIELDS = ("previous_actions", "episode", "won")
