"""A client in the manner of oxwhirl/smac's, on a game that only sleeps; runs inside the workers.

Like the official ones it starts the game with subprocess, and when that dies in a battle it starts
another, counts `force_restarts` and reports a lost battle. It needs nothing but numpy.
"""

import os
import signal
import subprocess
import sys
import time

import numpy as np

AGENTS, ACTIONS = 2, 3


class GoneError(Exception):
    """What pysc2 calls a ConnectionError."""


class StarCraft2Env:
    """Battles of `length` steps; action 2 pays. trouble: the failure in step `at`, once."""

    def __init__(self, map_name="fake", seed=0, length=5, trouble="", at=2, once="", silent=False):
        self.n_agents, self.episode_limit, self.map_name = AGENTS, length, map_name
        self.force_restarts = 0
        self.first_seed, self.length = seed, length
        self.trouble, self.at, self.once, self.silent = trouble, at, once, silent
        self.game = None
        self.steps = 0
        self.seed = 0.0
        self.hoard = []

    def get_total_actions(self):
        return ACTIONS

    def get_obs_size(self):
        return 3

    def get_state_size(self):
        return 2

    def launch(self):
        self.game = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])

    def full_restart(self):
        self.close()
        self.launch()
        self.force_restarts += 1

    def reset(self):
        if self.game is None:
            self.launch()
        if self.trouble == "never":
            raise ValueError("this game never starts")
        self.steps = 0
        self.seed = float(np.random.random())  # of the generator that the worker seeds

    def step(self, actions):
        self.steps += 1
        self.make_trouble()
        if self.game.poll() is not None:
            if self.silent:  # as if its own restart could not be replaced
                self.force_restarts += 1
                self.launch()
            else:
                self.full_restart()
            return 0, True, {}
        over = self.steps == self.length
        info = {"battle_won": over, "dead_allies": 0, "dead_enemies": self.steps}
        return float(sum(action == 2 for action in actions)), over, info

    def make_trouble(self):
        if not self.trouble or self.steps != self.at or os.path.exists(self.once):
            return
        if self.once:
            open(self.once, "w").close()
        if self.trouble == "game dies":
            self.game.kill()
            self.game.wait()
        elif self.trouble == "hangs":
            time.sleep(600)
        elif self.trouble == "stops":
            os.kill(os.getpid(), signal.SIGSTOP)
        elif self.trouble == "raises":
            raise ValueError("what no client should raise")
        elif self.trouble == "grows":
            self.hoard.append(np.ones(30_000_000))  # 240 MB
            time.sleep(600)

    def get_obs(self):
        return [np.array([self.steps, agent, self.seed], dtype=np.float32) for agent in range(2)]

    def get_state(self):
        return np.array([self.steps, self.first_seed % 1000], dtype=np.float64)

    def get_avail_actions(self):
        return [[1, 1, 1], [0, 1, 1]]

    def save_replay(self):
        assert self.game is not None
        with open(self.once, "a") as file:
            file.write(f"{self.steps}\n")

    def close(self):
        if self.game is not None:
            self.game.kill()
            self.game.wait()
            self.game = None
