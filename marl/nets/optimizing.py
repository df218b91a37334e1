"""The state of an optimiser from a checkpoint, checked: torch takes any and stumbles in a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

# What each parameter has there after a step.
MOMENTS: dict[type[torch.optim.Optimizer], set[str]] = {
    torch.optim.Adam: {"step", "exp_avg", "exp_avg_sq"},
    torch.optim.AdamW: {"step", "exp_avg", "exp_avg_sq"},
    torch.optim.RMSprop: {"step", "square_avg"},
}


def descend(
    loss: Tensor, optimizer: torch.optim.Optimizer, parameters: Sequence[Tensor] | None = None
) -> None:
    """One gradient step. parameters: the loss's gradient is worked out for these alone."""
    optimizer.zero_grad()
    loss.backward(inputs=parameters)
    optimizer.step()


def load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Go on from a saved state; ValueError where it is none of this optimiser's."""
    own = optimizer.state_dict()
    if state.keys() != own.keys() or len(state["param_groups"]) != len(own["param_groups"]):
        raise ValueError("an optimiser's state has other groups")
    for group, mine in zip(state["param_groups"], own["param_groups"], strict=True):
        _check_group(group, mine)
    parameters = [one for group in optimizer.param_groups for one in group["params"]]
    for index, moments in state["state"].items():
        if type(index) is not int or not 0 <= index < len(parameters):
            raise ValueError(f"an optimiser's state is of a parameter {index!r}")
        _check_moments(moments, parameters[index], MOMENTS.get(type(optimizer)))
    optimizer.load_state_dict(state)


def _check_group(group: dict[str, Any], own: dict[str, Any]) -> None:
    if group.keys() != own.keys() or group["params"] != own["params"]:
        raise ValueError("an optimiser's group is of other parameters")
    for name, value in own.items():
        found = group[name]
        alike = isinstance(found, int | float) if isinstance(value, float) else found is value
        if not alike and type(found) is not type(value):
            raise ValueError(f"an optimiser's {name} is {str(found)[:40]!r}")


def _check_moments(moments: dict[str, Any], parameter: Tensor, names: set[str] | None) -> None:
    if names is not None and set(moments) != names:
        raise ValueError(f"an optimiser keeps {sorted(moments)} of a parameter")
    for name, value in moments.items():
        if names is None and not isinstance(value, Tensor):
            continue
        if not isinstance(value, Tensor) or not value.is_floating_point():
            raise ValueError(f"an optimiser's {name} holds no numbers")
        if value.shape != (() if name == "step" else parameter.shape):
            raise ValueError(f"an optimiser's {name} has the shape {tuple(value.shape)}")
