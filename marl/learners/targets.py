"""Targets of value learning: pure functions of tensors."""

from __future__ import annotations

from torch import Tensor

from marl.errors import UserError


def taken(values: Tensor, actions: Tensor) -> Tensor:
    """The values of `actions`. values [...,U], actions [...] -> [...]."""
    return values.gather(-1, actions[..., None])[..., 0]


def td_targets(
    reward: Tensor, terminated: Tensor, bootstrap: Tensor, gamma: float, bonus: Tensor | float = 0.0
) -> Tensor:
    """One-step targets; a terminated step has no bootstrap, a truncated one has.

    reward, terminated: [B,T,1]; bootstrap, bonus: [B,T,G] -> [B,T,G].
    """
    if isinstance(bonus, Tensor) and bonus.dim() not in (0, bootstrap.dim()):
        raise UserError(
            f"the bonus has the shape {tuple(bonus.shape)}; it must be a single number, [B,T,1] or "
            f"[B,T,G], here {tuple(bootstrap.shape)}"
        )
    alive = 1.0 - terminated.to(bootstrap.dtype)
    return reward + bonus + gamma * alive * bootstrap


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of `values` [...,B,T,G] where `mask` [B,T,1] is True; 0 where it is nowhere."""
    weights = mask.to(values.dtype).expand_as(values)
    return (values * weights).sum() / weights.sum().clamp(min=1.0)
