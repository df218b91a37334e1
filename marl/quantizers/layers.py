"""What state quantisers of all kinds are made of."""

from __future__ import annotations

from torch import Tensor, nn


def mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Two hidden layers with ReLU: an encoder's or a decoder's."""
    return nn.Sequential(
        nn.Linear(inputs, hidden),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, hidden),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, outputs),
    )


def straight_through(encoded: Tensor, picked: Tensor) -> Tensor:
    """The value of `picked`; its gradient goes to `encoded` and none to the codebook."""
    return picked.detach() + (encoded - encoded.detach())
