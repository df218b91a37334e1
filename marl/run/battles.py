"""The states of some battles, slot by slot, with what was earned from each on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from marl.protocols.acting import Behaviour
from marl.protocols.collecting import EpisodePlayer, Rollout
from marl.returns import returns_of
from marl.runners.evaluation import play_as


@dataclass(frozen=True)
class Battles:
    """B battles; N states of all their real slots, battle by battle in time, on the CPU."""

    states: Tensor  # [N,S]
    slot: Tensor  # [N] int64
    battle: Tensor  # [N] int64, 0..B-1
    returns: Tensor  # [N] float64, discounted rewards from there on; 0 at a battle's last slot
    is_last: Tensor  # [N] bool, the battle's last slot: nothing follows
    won: Tensor  # [B] bool; all False where the environment tells of no wins

    @property
    def count(self) -> int:
        """B."""
        return len(self.won)


def play_battles(
    player: EpisodePlayer, behaviour: Behaviour, seeds: NDArray[np.uint64], gamma: float
) -> Battles:
    """A battle for each seed."""
    played: list[Battles] = []

    def keep(rollout: Rollout, own: NDArray[np.uint64]) -> None:
        played.append(_battles_of(rollout, gamma))

    play_as(player, behaviour, seeds, keep)
    return _joined(played)


def _battles_of(rollout: Rollout, gamma: float) -> Battles:
    """Those of one rollout, copied."""
    batch = rollout.batch
    battle, slot = batch.slots_filled.nonzero(as_tuple=True)  # [N] each
    won = rollout.outcomes.get("battle_won", np.zeros(batch.size))
    return Battles(
        batch.state[battle, slot].cpu(),
        slot.cpu(),
        battle.cpu(),
        torch.from_numpy(returns_of(batch, gamma))[battle, slot],
        (slot == batch.lengths[battle]).cpu(),
        torch.from_numpy(won > 0),
    )


def _joined(parts: Sequence[Battles]) -> Battles:
    firsts = np.cumsum([0, *(part.count for part in parts)])
    return Battles(
        torch.cat([part.states for part in parts]),
        torch.cat([part.slot for part in parts]),
        torch.cat([part.battle + int(first) for part, first in zip(parts, firsts, strict=False)]),
        torch.cat([part.returns for part in parts]),
        torch.cat([part.is_last for part in parts]),
        torch.cat([part.won for part in parts]),
    )
