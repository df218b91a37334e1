"""C_q along battles, beside the return that was really earned from each state on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from marl.plots.statistics import Array
from marl.returns import explained_variance
from marl.run.battles import Battles

QUARTILES = (0.25, 0.75)
LEAST = 0.1  # share of the battles that must still go on


@dataclass(frozen=True, eq=False)
class Band:
    """Mean and quartiles over battles at each slot, [T] each; NaN where there is no value."""

    mean: Array
    low: Array
    high: Array
    count: NDArray[np.int64]  # battles that have a value


@dataclass(frozen=True, eq=False)
class Course:
    """Battles of one outcome. Their last slot is left out: nothing is earned from it."""

    name: str  # won | lost | all
    battles: int
    going_on: NDArray[np.int64]  # [T], battles that take a step at slots 0..T-1
    code_value: Band  # C_q of the code of the state
    earned: Band  # the discounted return from there on


def courses_of(
    battles: Battles, codes: NDArray[np.int64], values: Array, tells_wins: bool
) -> list[Course]:
    """Won and lost battles apart; together where the environment tells of no wins.

    codes [N]: of the battles' states; values [K]: C_q, NaN where nothing is known.
    """
    if not tells_wins:
        return [_course("all", battles, np.ones(battles.count, dtype=np.bool_), codes, values)]
    won = battles.won.numpy()
    return [
        _course("won", battles, won, codes, values),
        _course("lost", battles, ~won, codes, values),
    ]


def r_squared(battles: Battles, codes: NDArray[np.int64], values: Array) -> float | None:
    """Share of the variance of all battles' returns that C_q explains, where it is known.

    codes [N], values [K]: as in `courses_of`. None where nothing is known or no return differs.
    """
    own = torch.from_numpy(values[codes])  # [N]
    rows = own.isfinite() & ~battles.is_last
    returns = battles.returns[rows]
    if not len(returns) or returns.min() == returns.max():
        return None
    return float(explained_variance(returns, own[rows]))


def _course(
    name: str,
    battles: Battles,
    members: NDArray[np.bool_],
    codes: NDArray[np.int64],
    values: Array,
) -> Course:
    """members: [B]."""
    rows = members[battles.battle.numpy()] & ~battles.is_last.numpy()  # [N]
    slot, own = battles.slot.numpy()[rows], values[codes[rows]]
    returns, count = battles.returns.numpy()[rows], int(members.sum())
    going_on = np.bincount(slot)
    going_on = going_on[going_on >= LEAST * count] if count else going_on[:0]  # it never rises
    return Course(
        name,
        count,
        going_on,
        _band(own, slot, len(going_on)),
        _band(returns, slot, len(going_on)),
    )


def _band(numbers: Array, slot: NDArray[np.int64], slots: int) -> Band:
    """Of those numbers that are there, at slots 0..slots-1. numbers, slot: [M]."""
    rows = list(_rows(numbers, slot, slots))
    mean, low, high = np.array([row[:3] for row in rows]).reshape(-1, 3).T
    return Band(mean, low, high, np.array([row[3] for row in rows], dtype=np.int64))


def _rows(
    numbers: Array, slot: NDArray[np.int64], slots: int
) -> Iterator[tuple[float, float, float, int]]:
    for at in range(slots):
        there = numbers[(slot == at) & np.isfinite(numbers)]
        if len(there):
            low, high = np.quantile(there, QUARTILES)
            yield float(there.mean()), float(low), float(high), len(there)
        else:
            yield np.nan, np.nan, np.nan, 0
