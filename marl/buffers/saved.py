"""A replay from a checkpoint, checked: its numbers become indices when it is sampled."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from marl.batch import Layout
from marl.protocols import State


def check_saved(layout: Layout, state: State, lengths: Tensor, limit: int) -> None:
    """ValueError where saved columns are not those of rows of these lengths.

    lengths: [rows] int64, 1..limit steps each. Columns of slots and steps hold those of all rows
    one after the other; rows of a single step may have an axis for it.
    """
    if lengths.ndim != 1 or lengths.dtype != torch.int64:
        raise ValueError("the replay's lengths are no list of whole numbers")
    if not ((lengths >= 1) & (lengths <= limit)).all():
        raise ValueError(f"the replay has rows of no step, or of more than {limit}")
    steps = int(lengths.sum())
    counts = {"slot": steps + len(lengths), "step": steps, "episode": len(lengths)}
    for name, column in layout.items():
        values, each = state[name], math.prod(column.shape)
        if values.dtype != column.dtype or values.numel() != counts[column.level] * each:
            raise ValueError(f"the replay's {name} is {values.dtype} {tuple(values.shape)}")
    if not state["filled"].all():
        raise ValueError("the replay has steps that did not happen")
    if "avail" in layout:
        n_actions = layout["avail"].shape[-1]
        for name in ("actions", "previous_actions"):
            actions = state[name]
            if actions.numel() and not 0 <= int(actions.min()) <= int(actions.max()) < n_actions:
                raise ValueError(f"the replay's {name} are not within 0..{n_actions - 1}")
