"""One battle by raw commands: units created, ordered, killed, and fought loop by loop.

The loops, orders and random numbers are the engine's own, called in the order in which a SMAC
battle of marl.engine.battle calls them, so the same seed and orders give the same battle.

Killing and creating take effect in the next loop: who was killed dies before it is run, who was
created stands there after it. A side's units lie together, the agents' first, as the engine needs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marl.engine import rng
from marl.engine.combat import enemy_script as wave
from marl.engine.combat import loop, spawn, vitals
from marl.engine.world import LINE_WORDS, NO_UNIT, NO_UNIT_FIELDS, Units, empty_units
from marl.errors import EnvError
from marl.sc2api.catalogue import unit_types
from marl.sc2api.maps import Map

MOST_UNITS = 256  # alive at a time
RESPAWN_LOOPS = 3  # from the observation without units to the next battle of a SMAC map
FIRST_TAG = 1 << 32
STREAM = 0  # of the battles' seeds: marl.seeding.TRAIN_EPISODES
UNIT_REFERENCES = tuple(name for name in NO_UNIT_FIELDS if name != "turn")


def battle_seed(seed: int, number: int) -> np.uint64:
    """The seed of a game's battle `number`: that of the episode of a run with `seed`.

    So `marl.seeding.episode_seeds`, which needs torch, and the drop-in classes count them too.
    """
    words = np.random.SeedSequence(seed, spawn_key=(STREAM, number)).generate_state(1, np.uint64)
    return np.uint64(words[0])


class Wish(NamedTuple):
    """A unit that a client wants created."""

    kind: int
    side: int
    x: float
    y: float
    shown: int  # its unit type id


class Battle:
    """The units of one map, from one battle to the next."""

    def __init__(self, ground: Map, seed: int, begun: int = 0) -> None:
        """seed: the game's. begun: battles that it has had already."""
        self.map, self.types = ground, unit_types()
        self._seed, self.begun = seed, begun
        self.seed = np.uint64(0)  # the present battle's own
        self.loops = 0  # since the game began
        self.scene = 0  # counts the battles, and how often units joined one
        self.random = np.zeros(LINE_WORDS, dtype=np.uint64)
        self.clock = np.zeros(LINE_WORDS, dtype=np.int64)
        self._next_tag = FIRST_TAG
        self._marked: set[int] = set()
        self._wishes: list[Wish] = []
        self._respawn_in: int | None = None
        self.units: Units = empty_units(1, 0)[0]
        self.tags = self.shown = np.zeros(0, dtype=np.int64)
        self._index: dict[int, int] = {}
        self._shown_alive: set[int] = set()
        if ground.starts is not None:
            self._spawn()

    def alive(self) -> NDArray[np.int64]:
        """The indices of the living units, in the list's order."""
        return np.flatnonzero(self.units["health"] > 0.0)

    def living(self, side: int) -> int:
        """Living units of one side."""
        units = self.units
        return int(np.count_nonzero((units["side"] == side) & (units["health"] > 0.0)))

    def index(self, tag: int) -> int:
        """The unit of that tag, dead or alive; NO_UNIT where the battle has none."""
        return self._index.get(tag, NO_UNIT)

    def kill(self, tag: int) -> None:
        """The unit dies in the next loop; tags that nobody has are nobody's death."""
        if tag in self._index:
            self._marked.add(self._index[tag])

    def create(self, wishes: list[Wish]) -> None:
        """The units stand there after the next loop, at the nearest free places."""
        alive = len(self.alive())
        if alive + len(self._wishes) + len(wishes) > MOST_UNITS:
            raise EnvError(f"more than {MOST_UNITS} units on the map")
        self._wishes += wishes

    def observed(self) -> list[int]:
        """Note that the client sees the battle now; the tags that died since it last did."""
        alive = set(self.tags[self.alive()].tolist())
        dead = sorted(self._shown_alive - alive)
        self._shown_alive = alive
        if not alive and self.map.starts is not None and self._respawn_in is None:
            self._respawn_in = RESPAWN_LOOPS
        return dead

    def step(self, loops: int) -> None:
        """Run game loops."""
        if loops > 0:
            self._kill_marked()
        if loops > 0 and self._wishes:
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
        ground = self.map
        if loops > 0 and self.units.size:
            loop.run_loops(ground.field, ground.wave, self.units, self.random, self.clock, loops)
        self.loops += loops

    def _kill_marked(self) -> None:
        for i in sorted(self._marked):
            if self.units["health"][i] > 0.0:
                vitals.die(self.map.field, self.units, i)
        self._marked.clear()

    def _spawn(self) -> None:
        """The battle that the map's own script begins."""
        ground = self.map
        assert ground.starts is not None
        assert ground.starts.fixed is not None
        units = ground.starts.fixed.copy()
        pairs = zip(units["kind"].tolist(), units["side"].tolist(), strict=True)
        shown = [ground.ids.shown(kind, side) for kind, side in pairs]
        self._begin(units, np.array(shown))

    def _create(self) -> None:
        """The units wished for come: a new battle where nobody lives, else they join."""
        wishes = sorted(self._wishes, key=lambda wish: wish.side)
        self._wishes = []
        if len(self.alive()):
            self._join(wishes)
            return
        places = [(wish.kind, wish.x, wish.y) for wish in wishes]
        n_agents = sum(wish.side == 0 for wish in wishes)
        units = spawn.settled(self.map.field, self.types, places, n_agents)
        agents = units[:n_agents]
        order = np.lexsort((agents["y"], agents["x"], agents["kind"]))
        order = np.concatenate([order, np.arange(n_agents, units.size)])
        shown = np.array([wish.shown for wish in wishes])
        self._begin(np.ascontiguousarray(units[order]), shown[order])

    def _join(self, wishes: list[Wish]) -> None:
        """More units for a battle that goes on; the dead that matter to nobody are forgotten."""
        added = self._placed(wishes)
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
        # Marks name colossi by their indices: a sweep under way may hit someone once more.
        units["beamed"] = units["beamed_back"] = 0
        units = np.ascontiguousarray(units[order])
        units["sequence"] = np.arange(units.size)
        fresh = self._next_tag + np.arange(len(wishes), dtype=np.int64)
        self._next_tag += len(wishes)
        self.tags = np.concatenate([self.tags[kept], fresh])[order]
        self.shown = np.concatenate([self.shown[kept], [wish.shown for wish in wishes]])[order]
        self.units = units
        self.scene += 1
        self._note_tags()

    def _placed(self, wishes: list[Wish]) -> Units:
        """New units at the free places nearest to where they are wished."""
        places = [(wish.kind, wish.x, wish.y) for wish in wishes]
        n_agents = sum(wish.side == 0 for wish in wishes)
        field = self.map.field
        fresh = spawn.settled(field, self.types, places, n_agents)
        fresh["x"], fresh["y"] = [wish.x for wish in wishes], [wish.y for wish in wishes]
        everybody = np.concatenate([self.units[self.alive()], fresh])
        for i in range(everybody.size - fresh.size, everybody.size):
            if not spawn._find_place(field, everybody, i):
                raise EnvError(f"no room near ({everybody['x'][i]:.2f}, {everybody['y'][i]:.2f})")
        return everybody[everybody.size - fresh.size :]

    def _begin(self, units: Units, shown: NDArray[np.int64]) -> None:
        """A new battle, from its own random numbers."""
        self._set_units(units, shown)
        self._respawn_in = None
        self.clock[0] = 0
        self.seed = battle_seed(self._seed, self.begun)
        self.begun += 1
        rng.seed_battle(self.units, self.random, self.seed)
        n_agents = int(np.count_nonzero(self.units["side"] == 0))
        wave.begin(self.map.field, self.map.wave, self.units, n_agents, self.random)

    def _set_units(self, units: Units, shown: NDArray[np.int64]) -> None:
        """Other units, all with fresh tags. shown: [N] their unit type ids."""
        self.units, self.shown = units, shown
        self.tags = self._next_tag + np.arange(units.size, dtype=np.int64)
        self._next_tag += units.size
        self._marked.clear()
        self.scene += 1
        self._note_tags()

    def _note_tags(self) -> None:
        self._index = {tag: i for i, tag in enumerate(self.tags.tolist())}
