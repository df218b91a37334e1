"""NumPy arrays in and out of a checkpoint, which holds tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from marl.protocols.loop import State


def saved(arrays: dict[str, NDArray[Any]]) -> State:
    """Copies of the arrays, as tensors."""
    return {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}


def restore(arrays: dict[str, NDArray[Any]], state: State) -> None:
    """Write what `saved` gave back into the arrays; refuses another shape."""
    for name, array in arrays.items():
        stored = state[name].cpu().numpy()
        if stored.shape != array.shape:
            raise ValueError(
                f"{name} was saved with shape {stored.shape}, and is {array.shape} here: "
                "load it with the configuration it was saved with"
            )
        np.copyto(array, stored)
