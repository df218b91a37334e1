"""Places as the API gives them, and what is lost on the way."""

from __future__ import annotations

import numpy as np

GRAIN = 4096.0  # the game's own: places are multiples of 1 / 4096 of a grid unit


def meant(here: float, said: float) -> float:
    """The coordinate that a client means by `said`, for a unit that stands at `here`.

    The API's numbers are float32. A client that adds 2 to the place it was told gets something
    else than 2 more than the true place; where `said` is a whole number of grains from what the
    client was told of `here`, but for float32's rounding, it means so many grains from `here`.
    """
    told = float(np.float32(here))
    away = round((said - told) * GRAIN) / GRAIN if abs(said) < GRAIN else said - told
    is_rounding = np.float32(told + away) == np.float32(said)
    return here + away if is_rounding else said
