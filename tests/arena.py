"""Small battles for tests of the engine's dynamics: units put anywhere, loops run one by one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from marl.engine.combat.enemy_script import EnemyScript, make_enemy_script
from marl.engine.combat.loop import run_loops
from marl.engine.combat.orders import FIRST_ATTACK, give_agent_orders, give_attack_move
from marl.engine.facts.choices import Choices
from marl.engine.facts.units import load_unit_types, unit_names
from marl.engine.field import make_field
from marl.engine.ground.paths import NO_PATHS, Paths
from marl.engine.rng import seed_battle
from marl.engine.world import UnitTypes, World, empty_world

NAMES = unit_names()
TYPES = load_unit_types(NAMES)
OPEN = np.ones((32, 32), dtype=np.uint8)
MOVE_AMOUNT = 2.0

NO_SCRIPT = make_enemy_script("none", ((0.0, 0.0), (0.0, 0.0)))

Place = tuple[str, float, float]


class Arena:
    """One battle in row `row` of `rows`; allies first. Units face south, as at a battle's start."""

    def __init__(
        self,
        allies: Sequence[Place],
        enemies: Sequence[Place] = (),
        seed: int = 1,
        types: UnitTypes = TYPES,
        walkable: np.ndarray = OPEN,
        row: int = 0,
        rows: int = 1,
        choices: Choices = Choices(),  # noqa: B008
        enemy_script: EnemyScript = NO_SCRIPT,
        paths: Paths = NO_PATHS,
    ) -> None:
        places = [*allies, *enemies]
        self.n_agents, self.types, self.row, self.enemy_script = (
            len(allies),
            types,
            row,
            enemy_script,
        )
        self.field = make_field(types.table, walkable, choices.record(), paths)
        self.all: World = empty_world(rows, len(places))
        self.units = self.all.units[row]
        for i, (name, x, y) in enumerate(places):
            kind = NAMES.index(name)
            self.units["kind"][i], self.units["side"][i] = kind, int(i >= len(allies))
            self.units["x"][i], self.units["y"][i] = x, y
            self.units["health"][i], self.units["shield"][i] = (
                types.health[kind],
                types.shield[kind],
            )
            self.units["energy"][i] = types.energy[kind]
            self.units["facing_y"][i] = -1.0
        seed_battle(self.units, self.all.rng[row], np.uint64(seed))

    def __getattr__(self, name: str) -> np.ndarray:
        """A field of the units, [N], e.g. arena.health."""
        return self.units[name]

    def act(self, *actions: int) -> Arena:
        """Order the allies by SMAC's action indices."""
        chosen = np.array(actions, dtype=np.int64)
        give_agent_orders(self.field, self.units, self.n_agents, chosen, MOVE_AMOUNT, FIRST_ATTACK)
        return self

    def send_enemies(self, x: float, y: float) -> Arena:
        """Attack-move of all enemies to (x, y)."""
        give_attack_move(self.field, self.units, self.n_agents, x, y)
        return self

    def run(self, loops: int = 1) -> Arena:
        """Run game loops."""
        clock, rng = self.all.clock[self.row], self.all.rng[self.row]
        nobody = np.zeros(0, dtype=np.int64)
        run_loops(self.field, self.enemy_script, self.units, rng, clock, loops, nobody, -1)
        return self

    def vitality(self) -> np.ndarray:
        """Health plus shield, [N]."""
        return self.units["health"] + self.units["shield"]

    def drops(self, i: int, loops: int) -> list[tuple[int, float]]:
        """(loop, loss) of every loss of unit i's health and shield within the next loops."""
        found, before = [], self.vitality()[i]
        for t in range(1, loops + 1):
            after = self.run().vitality()[i]
            if after < before:
                found.append((t, float(before - after)))
            before = after
        return found
