"""Battles over the API are the engine's own, step by step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marl.engine.battle import Battles
from marl.engine.combat.orders import ACTION_STOP, FIRST_ATTACK
from marl.engine.facts.scenario import Deployment, Scenario, load_scenario
from marl.engine.smac.options import Options
from marl.engine.smacv2.generation import CapabilityConfig, make_generation
from marl.engine.smacv2.start_positions import SurroundedAndReflect
from marl.sc2api.battle import battle_seed
from marl.sc2api.catalogue import NAMES
from marl.sc2api.maps import load_map
from marl.seeding import TRAIN_EPISODES, episode_seeds
from tests.sc2api.player import ATTACK, HEAL, MOVE, STOP, Player

SEED = 7
STEPS = {2: (0.0, 2.0), 3: (0.0, -2.0), 4: (2.0, 0.0), 5: (-2.0, 0.0)}
SHOWN = ("x", "y", "health", "shield", "energy", "cooldown", "order", "facing_x", "facing_y")
# AllRows that fights otherwise: missiles, sweeps, healing, explosions, walls, a building.
MAPS = ("3m", "2s3z", "MMM", "2c_vs_64zg", "bane_vs_bane", "2m_vs_1z", "2s_vs_1sc", "corridor")


class Twin:
    """A battle of the engine's and the same one over the API."""

    def __init__(self, player: Player, scenario: Scenario, number: int) -> None:
        self.player, self.scenario = player, scenario
        self.ours = Battles(scenario, Options(), 1)
        self.ours.reset(np.array([battle_seed(SEED, number)]))
        self.n_agents = self.ours.rules.layout.n_agents
        self.tags = [unit.tag for unit in player.units()]
        self.observed = [np.float32((unit.pos.x, unit.pos.y)) for unit in player.units()]
        self.compare()

    def compare(self) -> None:
        ours, theirs = self.ours.world.units[0], self.player.game._battle.units
        for name in SHOWN:
            np.testing.assert_array_equal(theirs[name], ours[name], err_msg=name)
        names = [self.scenario.unit_names[kind] for kind in ours["kind"]]
        assert [NAMES[kind] for kind in theirs["kind"]] == names

    def step(self, actions: list[int]) -> None:
        """One step of both; the API's orders are those of the official client."""
        heals = self.ours.rules.field.table["heal_rate"][self.ours.world.kind[0]] > 0
        for unit in self.player.units():
            self.observed[self.tags.index(unit.tag)] = np.float32((unit.pos.x, unit.pos.y))
        for a, action in enumerate(actions):
            tag = self.tags[a]
            if action == ACTION_STOP:
                self.player.order(STOP, tag)
            elif action in STEPS:
                at = [
                    float(here) + d for here, d in zip(self.observed[a], STEPS[action], strict=True)
                ]
                self.player.order(MOVE, tag, at=at)
            elif action >= FIRST_ATTACK:
                target = action - FIRST_ATTACK + (0 if heals[a] else self.n_agents)
                self.player.order(HEAL if heals[a] else ATTACK, tag, unit=self.tags[target])
        self.player.step(8)
        self.ours.step(np.array([actions]))
        self.compare()

    def fight(self, steps: int) -> None:
        """Random legal orders until the battle is over, at most `steps` steps."""
        rng = np.random.default_rng(SEED)
        record = self.ours.record
        while steps and not (record.terminated[0] or record.truncated[0]):
            legal = [np.flatnonzero(row) for row in record.avail[0]]
            # Towards the fight: an attack where one is possible, half of the time.
            self.step([int(row[-1] if rng.random() < 0.5 else rng.choice(row)) for row in legal])
            steps -= 1


@pytest.mark.parametrize("name", MAPS)
def test_a_battle_over_the_api_is_the_engines_battle_bit_for_bit(name: str):
    player = Player(name, seed=SEED)
    Twin(player, load_scenario(name), 0).fight(25)


def test_the_next_battle_of_a_map_is_the_engines_next_one():
    player = Player("3m", seed=SEED)
    for number in range(3):
        twin = Twin(player, load_scenario("3m"), number)
        twin.fight(60)
        player.kill(*(unit.tag for unit in player.units()))
        player.step(2)
        while not player.units():
            player.step(1)


def test_battles_of_created_units_are_the_engines_drawn_battles():
    config = CapabilityConfig(start_positions=SurroundedAndReflect())
    player = Player("32x32_flat", seed=SEED)
    numbers = load_map("32x32_flat").ids
    for number, race in enumerate(("zerg", "protoss", "terran")):
        scenario = make_generation(f"{race}_5_vs_6", config).scenario()
        assert scenario.deploy is not None
        drawn = through_the_api(scenario.deploy(int(battle_seed(SEED, number))))
        scenario = replace(scenario, deploy=lambda seed, drawn=drawn: drawn)
        kinds = [NAMES.index(scenario.unit_names[kind]) for kind in drawn.kinds]
        owners = [1] * 5 + [2] * 6
        types = [
            numbers.type_id(kind, owner - 1) for kind, owner in zip(kinds, owners, strict=True)
        ]
        units = list(zip(types, owners, drawn.x, drawn.y, strict=True))
        player.create(*units[:5])
        player.create(*units[5:])
        assert player.units() == []
        player.step(1)
        Twin(player, scenario, number).fight(40)
        player.kill(*(unit.tag for unit in player.units()))
        player.step(2)
        assert player.units() == []


def through_the_api(drawn: Deployment) -> Deployment:
    """The places as a client can name them: in float32."""
    x, y = (values.astype(np.float32).astype(np.float64) for values in (drawn.x, drawn.y))
    return replace(drawn, x=x, y=y)


def test_battles_have_the_seeds_of_a_run_with_the_games_seed():
    seeds = [battle_seed(SEED, number) for number in range(4)]
    np.testing.assert_array_equal(seeds, episode_seeds(SEED, TRAIN_EPISODES, 0, 4))


def test_a_killed_unit_dies_in_the_next_loop_and_is_told_as_dead_once():
    player = Player("3m")
    allies, _ = player.teams()
    player.kill(allies[1].tag)
    assert len(player.units()) == 6
    player.step(1)
    seen = player.observe().observation.raw_data
    assert list(seen.event.dead_units) == [allies[1].tag]
    assert [unit.tag for unit in seen.units if unit.owner == 1] == [allies[0].tag, allies[2].tag]
    assert not player.observe().observation.raw_data.event.dead_units


def test_units_that_join_a_battle_find_free_ground_and_leave_orders_as_they_were():
    player = Player("3m")
    allies, enemies = player.teams()
    for ally in allies:
        player.order(ATTACK, ally.tag, unit=enemies[2].tag)
    player.step(8)
    player.create((9, 2, 16.0, 16.0), (105, 2, 16.0, 16.0), (48, 1, 9.0, 16.0))
    player.step(1)
    more, foes = player.teams()
    assert [unit.tag for unit in more][:3] == [unit.tag for unit in allies]
    assert [unit.tag for unit in foes][:3] == [unit.tag for unit in enemies]
    assert [unit.unit_type for unit in foes[3:]] == [9, 105]
    assert foes[3].pos != foes[4].pos
    assert [unit.orders[0].target_unit_tag for unit in more[:3]] == [enemies[2].tag] * 3
    player.step(160)
    assert len(player.units()) < 9


def test_the_dead_of_a_battle_that_never_ends_are_forgotten():
    player = Player("32x32_flat")
    player.create((48, 1, 4.0, 4.0), (48, 2, 28.0, 28.0))
    player.step(1)
    for _ in range(60):
        player.create(*[(48, 2, 28.0, 28.0)] * 4)
        player.step(1)
        player.kill(*(unit.tag for unit in player.units()[1:-1]))
        player.step(1)
    assert len(player.game._battle.units) < 20
