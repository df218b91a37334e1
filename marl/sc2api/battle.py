"""One battle by raw commands: units created, ordered, killed, and their game loops run.

The loops, orders and random numbers are the engine's own, in the order of a step of
marl.engine.battle, so the same seed and orders give the same battle.

Killing and creating take effect in the next loop: a killed unit dies before it, a created one
exists after it. A side's units are contiguous, the agents' first, as the engine needs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marl.engine.combat.enemy_script import start_enemy_script
from marl.engine.combat.loop import run_loops
from marl.engine.combat.spawn import agent_order, place_units
from marl.engine.rng import seed_battle
from marl.engine.world import LINE_WORDS, NO_UNIT, NO_UNIT_FIELDS, Units, empty_units
from marl.errors import EnvError
from marl.sc2api.catalogue import unit_types
from marl.sc2api.maps import Map

MAX_UNITS = 256  # alive at a time
RESPAWN_LOOPS = 3  # from the observation without units to the next battle of a SMAC map
FIRST_TAG = 1 << 32
STREAM = 0  # of the battles' seeds: marl.seeding.TRAIN_EPISODES
UNIT_REFERENCES = tuple(name for name in NO_UNIT_FIELDS if name != "waypoint")


def battle_seed(seed: int, number: int) -> np.uint64:
    """The seed of a game's battle `number`: that of the episode of a run with `seed`.

    marl.seeding.episode_seeds, which needs torch, and the drop-in classes give the same.
    """
    words = np.random.SeedSequence(seed, spawn_key=(STREAM, number)).generate_state(1, np.uint64)
    return np.uint64(words[0])


class UnitRequest(NamedTuple):
    """A unit that a client asks the game to create."""

    kind: int
    side: int
    x: float
    y: float
    type_id: int  # the game's, as the client names it


class Battle:
    """The units of one map, from one battle to the next."""

    def __init__(self, ground: Map, seed: int, battles_before: int = 0) -> None:
        """seed: the game's. battles_before: the number of its earlier battles."""
        self.map, self.types = ground, unit_types()
        self._seed, self.battles_before = seed, battles_before
        self.seed = np.uint64(0)  # the present battle's own
        self.loops = 0  # since the game began
        self.roster = 0  # number of the list of units: changes with each battle and each join
        self.rng = np.zeros(LINE_WORDS, dtype=np.uint64)
        self.clock = np.zeros(LINE_WORDS, dtype=np.int64)
        self._next_tag = FIRST_TAG
        self._requests: list[UnitRequest] = []
        self._respawn_in: int | None = None
        self.units: Units = empty_units(1, 0)[0]
        self.tags = self.type_ids = np.zeros(0, dtype=np.int64)
        self._marked = np.zeros(0, dtype=np.int64)  # [N] 1: dies before the next loop
        self._index: dict[int, int] = {}
        self._observed_alive: set[int] = set()
        if ground.spawner is not None:
            self._spawn()

    def alive(self) -> NDArray[np.int64]:
        """The indices of the living units, in the list's order."""
        return np.flatnonzero(self.units["health"] > 0.0)

    def living(self, side: int) -> int:
        """The number of living units of one side."""
        units = self.units
        return int(np.count_nonzero((units["side"] == side) & (units["health"] > 0.0)))

    def index(self, tag: int) -> int:
        """The unit of that tag, dead or alive; NO_UNIT if the battle has none."""
        return self._index.get(tag, NO_UNIT)

    def kill(self, tag: int) -> None:
        """Kill the unit before the next loop; unknown tags do nothing."""
        if tag in self._index:
            self._marked[self._index[tag]] = 1

    def create(self, requests: list[UnitRequest]) -> None:
        """Create the units after the next loop, at the nearest free places."""
        alive = len(self.alive())
        if alive + len(self._requests) + len(requests) > MAX_UNITS:
            raise EnvError(f"more than {MAX_UNITS} units on the map")
        self._requests += requests

    def observe(self) -> list[int]:
        """Note that the client observes the battle now; the tags that died since it last did."""
        alive = set(self.tags[self.alive()].tolist())
        dead = sorted(self._observed_alive - alive)
        self._observed_alive = alive
        if not alive and self.map.spawner is not None and self._respawn_in is None:
            self._respawn_in = RESPAWN_LOOPS
        return dead

    def step(self, loops: int) -> None:
        """Run game loops."""
        if loops > 0 and self._requests:
            self._run(1)
            loops -= 1
            self._create()
        if self._respawn_in is not None:
            waited = min(loops, self._respawn_in)
            self._run(waited)
            loops -= waited
            self._respawn_in -= waited
            if self._respawn_in == 0:
                self._spawn()
        self._run(loops)

    def _run(self, loops: int) -> None:
        """Kill the marked units and run loops."""
        if loops > 0 and self.units.size:
            field, script = self.map.field, self.map.enemy_script
            run_loops(field, script, self.units, self.rng, self.clock, loops, self._marked, 0)
            self._marked[:] = 0
        self.loops += loops

    def _spawn(self) -> None:
        """Begin a battle with the units of the map's own script."""
        ground = self.map
        assert ground.spawner is not None
        assert ground.spawner.fixed is not None
        units = ground.spawner.fixed.copy()
        pairs = zip(units["kind"].tolist(), units["side"].tolist(), strict=True)
        self._begin(units, np.array([ground.ids.type_id(kind, side) for kind, side in pairs]))

    def _create(self) -> None:
        """Create the requested units: a new battle if no unit lives, else they join."""
        requests = sorted(self._requests, key=lambda request: request.side)
        self._requests = []
        if len(self.alive()):
            self._join(requests)
            return
        units = self._placed(requests, None)
        order = agent_order(units, _count_agents(requests))
        type_ids = np.array([request.type_id for request in requests])
        self._begin(np.ascontiguousarray(units[order]), type_ids[order])

    def _placed(self, requests: list[UnitRequest], standing: Units | None) -> Units:
        """New units at the free places nearest to the requested ones."""
        places = [(request.kind, request.x, request.y) for request in requests]
        n_agents = _count_agents(requests)
        return place_units(self.map.field, self.types, places, n_agents, standing)

    def _join(self, requests: list[UnitRequest]) -> None:
        """Add units to the present battle; drop the dead to which no unit or missile refers."""
        added = self._placed(requests, self.units[self.alive()])
        old = self.units
        matters = (old["health"] > 0.0) | (old["missile"] >= 0.0)
        for name in UNIT_REFERENCES:
            named = old[name][matters]
            matters[named[named != NO_UNIT]] = True
        kept = np.flatnonzero(matters)
        new_index = np.full(old.size + 1, NO_UNIT)  # the last for NO_UNIT itself
        units = np.concatenate([old[kept], added])
        order = np.argsort(units["side"], kind="stable")
        rank = np.argsort(order, kind="stable")
        new_index[kept] = rank[: kept.size]
        for name in UNIT_REFERENCES:
            units[name] = new_index[units[name]]
        # The bits of `beamed` are colossi's indices: after this a sweep may hit a unit once more.
        units["beamed"] = units["beamed_back"] = 0
        units = np.ascontiguousarray(units[order])
        units["sequence"] = np.arange(units.size)
        fresh = self._next_tag + np.arange(len(requests), dtype=np.int64)
        self._next_tag += len(requests)
        type_ids = [request.type_id for request in requests]
        self._set_units(
            units,
            np.concatenate([self.type_ids[kept], type_ids])[order],
            np.concatenate([self.tags[kept], fresh])[order],
        )

    def _begin(self, units: Units, type_ids: NDArray[np.int64]) -> None:
        """Start a battle, with a seed and tags of its own. type_ids: [N]."""
        tags = self._next_tag + np.arange(units.size, dtype=np.int64)
        self._next_tag += units.size
        self._set_units(units, type_ids, tags)
        self._respawn_in = None
        self.clock[0] = 0
        self.seed = battle_seed(self._seed, self.battles_before)
        self.battles_before += 1
        seed_battle(self.units, self.rng, self.seed)
        n_agents = int(np.count_nonzero(self.units["side"] == 0))
        start_enemy_script(self.map.field, self.map.enemy_script, self.units, n_agents, self.rng)

    def _set_units(
        self, units: Units, type_ids: NDArray[np.int64], tags: NDArray[np.int64]
    ) -> None:
        """Replace the list of units, none of them marked."""
        self.units, self.type_ids, self.tags = units, type_ids, tags
        self._marked = np.zeros(units.size, dtype=np.int64)
        self.roster += 1
        self._index = {tag: i for i, tag in enumerate(tags.tolist())}


def _count_agents(requests: list[UnitRequest]) -> int:
    return sum(request.side == 0 for request in requests)
