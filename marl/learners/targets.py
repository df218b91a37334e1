"""Targets of value learning: pure functions of tensors."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import huber_loss

from marl.errors import UserError


def taken(values: Tensor, actions: Tensor) -> Tensor:
    """The values of `actions`. values [...,U], actions [...] -> [...]."""
    return values.gather(-1, actions[..., None])[..., 0]


def td_targets(
    reward: Tensor,
    terminated: Tensor,
    bootstrap: Tensor,
    gamma: Tensor | float,
    bonus: Tensor | float = 0.0,
) -> Tensor:
    """One-step targets; a terminated step has no bootstrap, a truncated one has.

    reward, terminated, gamma: [B,T,1]; bootstrap, bonus: [B,T,G] -> [B,T,G].
    """
    if isinstance(bonus, Tensor) and bonus.dim() not in (0, bootstrap.dim()):
        raise UserError(
            f"the bonus has the shape {tuple(bonus.shape)}; it must be a single number, [B,T,1] or "
            f"[B,T,G], here {tuple(bootstrap.shape)}"
        )
    alive = 1.0 - terminated.to(bootstrap.dtype)
    return reward + bonus + gamma * alive * bootstrap


def lambda_targets(
    reward: Tensor,
    terminated: Tensor,
    filled: Tensor,
    bootstrap: Tensor,
    gamma: Tensor | float,
    weight: float,
    bonus: Tensor | float = 0.0,
) -> Tensor:
    """TD(lambda) targets: the mean of all n-step targets, weighed by (1 - weight) weight^(n - 1).

        G_t = reward + bonus + gamma * (1 - terminated) * next
        next = (1 - weight) * bootstrap + weight * G_t+1
    and the bootstrap alone after a row's last real step. weight 0 is `td_targets`. Shapes as there;
    filled [B,T,1]. Sutton & Barto 2018, section 12.1.
    """
    one_step = td_targets(reward, terminated, bootstrap, gamma, bonus)
    if weight == 0.0:
        return one_step
    discount = gamma * (1.0 - terminated.to(bootstrap.dtype))
    # What G_t+1 brings beyond the bootstrap that stands in one_step already.
    targets = [one_step[:, -1]]
    for step in range(one_step.shape[1] - 2, -1, -1):
        beyond = torch.where(filled[:, step + 1], targets[-1] - bootstrap[:, step], 0.0)
        targets.append(one_step[:, step] + weight * discount[:, step] * beyond)
    return torch.stack(targets[::-1], dim=1)


def huber(errors: Tensor, delta: float) -> Tensor:
    """Huber's loss of each error: its half square up to delta, from there on a straight line.

    x^2 / 2 where |x| <= delta, else delta |x| - delta^2 / 2. Half as large as the square, and its
    gradient x where the square's is 2 x. Adam and RMSProp don't see a factor where their eps is
    small beside the gradients; with a large one, as in configs/algs/dqn.yaml, steps get shorter.
    """
    return huber_loss(errors, torch.zeros_like(errors), reduction="none", delta=delta)


def row_means(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of each row's real steps, [B]. values [B,T,G], mask [B,T,1] bool."""
    weights = mask.to(values.dtype).expand_as(values)
    return (values * weights).sum((1, 2)) / weights.sum((1, 2)).clamp(min=1.0)
