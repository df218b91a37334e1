"""Actions as environments take them: whole numbers within their range, or numbers that are none."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl.errors import EnvError

MOST = 2**62  # of a number that is looked at further


def whole_actions(
    actions: NDArray[Any], shape: tuple[int, ...], n_actions: int, running: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """The actions, each one of 0..n_actions-1; those of environments that do not run become 0.

    actions: of this shape [E,A], whole numbers (ValueError otherwise); running: [E]. EnvError names
    the first one of a running environment that is none.
    """
    if actions.shape != shape:
        raise ValueError(f"actions have shape {actions.shape}, need {shape}")
    if actions.dtype.kind not in "iu":
        raise ValueError(f"actions are {actions.dtype}, need whole numbers")
    wrong = (actions < 0) | (actions >= n_actions)
    if not wrong.any():
        return actions
    for e, agent in np.argwhere(wrong & running[:, None]):
        raise EnvError(
            f"environment {e}, agent {agent}: action {actions[e, agent]} is not within "
            f"0..{n_actions - 1}"
        )
    return np.where(wrong, 0, actions)


def finite_actions(
    actions: NDArray[Any], shape: tuple[int, ...], running: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Continuous actions [E,A,D] of this shape: real numbers (ValueError else), none of them NaN.

    EnvError names the first NaN of a running environment; infinite ones are those at the bounds.
    """
    if actions.shape != shape:
        raise ValueError(f"actions have shape {actions.shape}, need {shape}")
    if actions.dtype.kind not in "fiu":
        raise ValueError(f"actions are {actions.dtype}, need numbers")
    wrong = np.isnan(actions)
    if wrong.any():
        for e, agent, _ in np.argwhere(wrong & running[:, None, None]):
            raise EnvError(
                f"environment {e}, agent {agent}: action {actions[e, agent]} is no number"
            )
    return actions


def whole(action: object, what: str) -> int:
    """A single action as a whole number, whatever type it is of; EnvError where it is none."""
    try:
        number = int(action)  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError):
        raise EnvError(f"{what}: action {action!r} is no whole number") from None
    if number != action or abs(number) > MOST:
        raise EnvError(f"{what}: action {action!r} is no whole number")
    return int(number)
