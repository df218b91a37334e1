from __future__ import annotations

import numpy as np

from marl.engine.scripts.random_legal import random_legal_actions


def test_random_actions_are_legal_and_reach_every_legal_action():
    avail = np.zeros((2, 1, 6), dtype=np.bool_)
    avail[0, 0, [1, 3, 5]] = True
    avail[1, 0, 0] = True
    rng = np.array([[1], [2]], dtype=np.uint64)
    out = np.zeros((2, 1), dtype=np.int64)
    drawn = set()
    for _ in range(60):
        random_legal_actions(avail, rng, out)
        drawn.add(int(out[0, 0]))
        assert out[1, 0] == 0
    assert drawn == {1, 3, 5}  # each missed with probability (2/3)^60
