"""Coordinates as the API gives them, rounded to float32, and the exact ones intended by clients."""

from __future__ import annotations

import numpy as np

GRAIN = 4096.0  # the game's: coordinates are multiples of 1 / 4096 of a grid unit


def intended(position: float, sent: float) -> float:
    """The coordinate that a client intends by `sent`, for a unit whose own is `position`.

    The API's numbers are float32. A client that adds 2 to the rounded position which it observed
    misses 2 more than the true position. If `sent` is, up to float32's rounding, a whole number of
    grains from the observed position, it means so many grains from the true one.
    """
    observed = float(np.float32(position))
    offset = round((sent - observed) * GRAIN) / GRAIN if abs(sent) < GRAIN else sent - observed
    is_rounding = np.float32(observed + offset) == np.float32(sent)
    return position + offset if is_rounding else sent
