"""Our observations of SMACv2's battles with the official client's luck."""

from __future__ import annotations

import random

import numpy as np

from marl.engine.rng import GOLDEN
from marl.engine.smac import observation, visibility
from marl.engine.smac.layout import ClientUnits
from marl.engine.smac.visibility import Memory, empty_memory
from marl.envs.smac import SmacEnv

NO_RANDOM = np.zeros(1, dtype=np.uint64)


class Onlooker:
    """Sees the battles of an environment, its agents looking around in the client's order.

    Our own agents look in an order drawn from the battle's random numbers, of which the server,
    which shows everything, draws none: so after each look they are put back to before it.
    """

    def __init__(self, env: SmacEnv) -> None:
        self.battles = env.battles
        self.layout = layout = env.battles.rules.layout
        draws = layout.n_enemies * (layout.n_agents - 1)
        self.memory = Memory(*(array[0] for array in empty_memory(layout, 1, draws)))
        self.avail = np.zeros((layout.n_agents, layout.n_actions), dtype=np.bool_)
        self.obs = np.zeros((layout.n_agents, layout.obs_dim), dtype=np.float32)

    def begin(self, battle: int) -> None:
        """A battle starts; `reset` and the worker look once each, as ours do."""
        self._put_back(looks=2)
        visibility.forget_all(self.memory)
        self._look(battle, 0)

    def see(self, battle: int, step: int) -> None:
        """Write the observations and the mask after a step (0: at the start)."""
        if step:
            self._put_back(looks=1)
            visibility.forget_dead(self.layout, self._client_units(), self.memory)
        self._look(battle, step)
        record = self.battles.record
        observation.write_mask(self.layout, self._client_units(), self.memory.distance, self.avail)
        observation.write_observations(
            self.layout, self._client_units(), self.memory, self.avail, record.last_actions[0],
            step, self.obs,
        )  # fmt: skip

    def _look(self, battle: int, step: int) -> None:
        luck = 1000 * battle + step
        order = list(range(self.layout.n_agents))
        random.seed(luck)
        random.shuffle(order)
        np.random.seed(luck)
        self.memory.order[:] = order
        self.memory.draws[:] = np.random.rand(self.memory.draws.size)
        client_units = self._client_units()
        visibility.measure(self.layout, client_units, self.memory)
        visibility.look(self.layout, client_units, self.memory, NO_RANDOM)

    def _put_back(self, looks: int) -> None:
        """A shuffle of the agents draws a number for each but one."""
        draws = looks * (self.layout.n_agents - 1)
        with np.errstate(over="ignore"):
            self.battles.world.rng[0, 0] -= np.uint64(draws) * GOLDEN

    def _client_units(self) -> ClientUnits:
        """As the wire shows them: cones have edges, where the last bit of a place decides."""
        units, traits = self.battles.world.units[0].copy(), self.battles.traits
        for name in ("x", "y"):
            units[name] = units[name].astype(np.float32)
        names = ClientUnits._fields[: len(ClientUnits._fields) - len(traits)]
        return ClientUnits(*(units[name] for name in names), *(array[0] for array in traits))
