"""Parts of an observation that a bonus speaks of: where the agent is, and what surrounds it."""

from __future__ import annotations

from torch import Tensor

from marl.errors import ConfigError
from marl.spec import EnvSpec

Part = tuple[int, int]  # the first number of an observation that belongs to it, and the next after


def check_part(name: str, part: Part, spec: EnvSpec) -> None:
    """ConfigError where an observation has no such part, or it is none of the agent's own."""
    first, last = part
    own = spec.own_dim
    if not 0 <= first < last <= own:
        raise ConfigError(
            f"{name}: {list(part)} is no part of {spec.name}'s observations, which have {own} "
            "numbers without skill and goal; give the first and the one after the last, say "
            f"{name}=[0,{min(3, own)}]"
        )


def part_of(obs: Tensor, part: Part) -> Tensor:
    """obs [...,O] -> [...,P]."""
    return obs[..., part[0] : part[1]]


def each_or_mean(reward: Tensor, like: Tensor) -> Tensor:
    """A reward of each agent [B,T,A] as what is learnt per step [B,T,G] can be paid with.

    Where that is no value for each agent, all are paid the mean.
    """
    same = reward.shape[-1] == like.shape[-1]
    return reward if same else reward.mean(-1, keepdim=True)
