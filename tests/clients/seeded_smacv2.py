"""oxwhirl/smacv2's client with known luck: its agents look around in an order that a test can redo.

Runs inside a worker. The client's code is as it is; before each look its two sources of chance are
seeded from the battle's and the step's number.
"""

import os
import random
import sys

import numpy as np

sys.path.insert(0, os.environ["SMACV2_SOURCE"])

from smacv2.env.starcraft2 import starcraft2


class StarCraft2Env(starcraft2.StarCraft2Env):
    """The official class, seeded."""

    __init__ = starcraft2.StarCraft2Env.__init__  # with its signature

    def get_obs(self):
        luck = 1000 * self._episode_count + self._episode_steps
        random.seed(luck)
        np.random.seed(luck)
        return super().get_obs()
