"""Random legal actions, for measurements and tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl.compiled.jit import compiled
from marl.engine.rng import Rng, uniform
from marl.engine.world import Ints


@compiled
def random_legal_actions(avail: NDArray[np.bool_], rng: Rng, out: Ints) -> None:
    """out [E,A]: uniform among the legal actions of avail [E,A,U].

    rng: [E,1], one generator per battle, so that a battle's actions do not depend on E.
    """
    n_envs, n_agents, n_actions = avail.shape
    for e in range(n_envs):
        for a in range(n_agents):
            legal = 0
            for u in range(n_actions):
                legal += avail[e, a, u]
            pick = min(int(uniform(rng[e]) * legal), legal - 1)
            for u in range(n_actions):
                pick -= avail[e, a, u]
                if pick < 0:
                    out[e, a] = u
                    break
