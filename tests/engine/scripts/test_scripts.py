"""Scripts in positions where the right order is plain to see."""

from __future__ import annotations

import numpy as np
import pytest
from arena import OPEN, Arena, Place

from marl.engine.combat.orders import (
    ACTION_EAST,
    ACTION_NO_OP,
    ACTION_NORTH,
    ACTION_SOUTH,
    ACTION_STOP,
    ACTION_WEST,
    FIRST_ATTACK,
)
from marl.engine.scripts.focus_fire import focus_fire
from marl.engine.scripts.heuristic import Scene, heuristic
from marl.engine.world import NO_UNIT

SHOOT = 6.0  # the client's range of attacks, centre to centre


class Play:
    """A script's orders in one battle, step after step; the units stand still in between."""

    def __init__(self, allies: list[Place], enemies: list[Place], walkable=OPEN) -> None:
        self.arena = Arena(allies, enemies, walkable=walkable)
        agents = len(allies)
        self.scene = Scene(self.arena.types.table, walkable, agents, FIRST_ATTACK, 8)
        self.own = np.full((1, agents), NO_UNIT)
        self.shared = np.full((1, 1), NO_UNIT)
        self.out = np.zeros((1, agents), dtype=np.int64)

    @property
    def mask(self) -> np.ndarray:
        """[1,A,U] as SMAC v1 masks: moves towards open ground, targets within SHOOT."""
        units, agents = self.arena.units, len(self.own[0])
        avail = np.zeros((1, agents, FIRST_ATTACK + max(agents, len(units) - agents)), np.bool_)
        for i in range(agents):
            x, y = units["x"][i], units["y"][i]
            avail[0, i, ACTION_STOP] = True
            for action, (dx, dy) in enumerate([(0, 1), (0, -1), (1, 0), (-1, 0)], ACTION_NORTH):
                column, row = int(x + dx), int(y + dy)
                inside = 0 <= column < 32 and 0 <= row < 32
                avail[0, i, action] = inside and self.scene.walkable[row, column]
            heals = self.scene.table[units["kind"][i]]["heal_rate"] > 0
            first, last = (0, agents) if heals else (agents, len(units))
            for j in range(first, last):
                gap = np.hypot(units["x"][j] - x, units["y"][j] - y)
                avail[0, i, FIRST_ATTACK + j - first] = gap <= SHOOT and units["health"][j] > 0
        return avail

    def heuristic(self, rest: bool = False) -> list[int]:
        units = self.arena.all.units
        heuristic(self.scene, rest, units, self.mask, self.own, self.out)
        return self.out[0].tolist()

    def focus_fire(self, steps_back: bool = False) -> list[int]:
        units, assigned_damage = self.arena.all.units, np.zeros((1, len(self.arena.units)))
        shared = (self.mask, self.shared, assigned_damage, self.out)
        focus_fire(self.scene, steps_back, units, *shared)
        chosen = self.out[0].tolist()
        assert all(self.mask[0, i, action] or action == 0 for i, action in enumerate(chosen))
        return chosen

    def kite(self) -> int:
        return self.focus_fire(steps_back=True)[0]


def test_the_heuristic_attacks_the_nearest_from_any_distance():
    play = Play([("Marine", 2, 16)], [("Marine", 30, 16), ("Marine", 20, 16), ("Marine", 2, 30)])
    assert play.heuristic() == [FIRST_ATTACK + 2]


def test_of_equally_near_enemies_the_heuristic_takes_the_first():
    play = Play([("Marine", 10, 16)], [("Marine", 14, 16), ("Marine", 6, 16)])
    assert play.heuristic() == [FIRST_ATTACK]


def test_the_heuristic_keeps_its_target_until_it_is_dead():
    play = Play([("Marine", 10, 16)], [("Marine", 14, 16), ("Marine", 20, 16)])
    assert play.heuristic() == [FIRST_ATTACK]
    play.arena.x[2] = 11.0
    assert play.heuristic() == [FIRST_ATTACK]
    play.arena.health[1] = 0.0
    assert play.heuristic() == [FIRST_ATTACK + 1]


def test_dead_agents_and_those_without_a_target_are_ordered_nothing():
    play = Play([("Marine", 10, 16), ("Marine", 10, 18)], [("Marine", 14, 16)])
    play.arena.health[0] = 0.0
    assert play.heuristic() == [ACTION_NO_OP, FIRST_ATTACK]
    play.arena.health[2] = 0.0
    assert play.heuristic() == [ACTION_NO_OP, ACTION_NO_OP]


def test_a_medivac_heals_the_nearest_damaged_ally_until_it_is_whole_or_dead():
    allies = [("Marine", 10, 16), ("Marine", 12, 16), ("Marauder", 20, 16)]
    play = Play([*allies, ("Medivac", 9, 16), ("Medivac", 9, 17)], [("Marine", 30, 16)])
    health = play.arena.health
    assert play.heuristic()[3] == ACTION_NO_OP  # nobody needs it
    health[4] -= 50.0
    assert play.heuristic()[3] == ACTION_NO_OP  # medivacs heal no medivac
    health[[1, 2]] -= 20.0
    assert play.heuristic()[3] == FIRST_ATTACK + 1
    health[0] -= 20.0
    assert play.heuristic()[3] == FIRST_ATTACK + 1  # keeps its patient
    health[1] += 20.0
    assert play.heuristic()[3] == FIRST_ATTACK  # the nearest, now that the first is whole
    health[0] = 0.0
    assert play.heuristic()[3] == FIRST_ATTACK + 2


def test_with_rest_a_masked_attack_becomes_a_move_along_the_larger_difference():
    for (x, y), move in {
        (26, 20): ACTION_EAST,
        (6, 12): ACTION_WEST,
        (18, 28): ACTION_NORTH,
        (14, 6): ACTION_SOUTH,
        (26, 26): ACTION_NORTH,  # equal differences
        (20, 16): FIRST_ATTACK,
    }.items():
        play = Play([("Marine", 16, 16)], [("Marine", x, y)])
        assert play.heuristic(rest=True) == [move], (x, y)
        assert play.heuristic() == [FIRST_ATTACK]


def test_all_fire_on_the_weakest_in_reach_and_keep_to_it():
    marines = [("Marine", 10, 15), ("Marine", 10, 16), ("Marine", 10, 17)]
    play = Play(marines, [("Marine", 14, 16), ("Marine", 15, 16), ("Marine", 30, 16)])
    play.arena.health[[4, 5]] = 40.0, 1.0  # the weakest of all is out of reach
    assert play.focus_fire() == [FIRST_ATTACK + 1] * 3
    play.arena.health[3] = 30.0
    assert play.focus_fire() == [FIRST_ATTACK + 1] * 3


def test_shots_that_the_target_no_longer_needs_go_to_the_next_weakest():
    marines = [("Marine", 10, 15), ("Marine", 10, 16), ("Marine", 10, 17)]
    play = Play(marines, [("Marine", 14, 16), ("Marine", 15, 16)])
    play.arena.health[4] = 12.0  # two shots of 6
    assert play.focus_fire() == [FIRST_ATTACK + 1, FIRST_ATTACK + 1, FIRST_ATTACK]
    play.arena.cooldown[0] = 13.0  # won't shoot in this step, so the others must
    assert play.focus_fire() == [FIRST_ATTACK + 1] * 3


def test_nobody_shoots_at_what_its_weapon_cannot_hit():
    play = Play([("Marauder", 10, 16), ("Marine", 10, 18)], [("Medivac", 12, 17)])
    assert play.focus_fire() == [ACTION_STOP, FIRST_ATTACK]


def test_melee_units_take_the_enemy_nearest_to_each():
    zealots = [("Zealot", 10, 12), ("Zealot", 10, 20)]
    play = Play(zealots, [("Marine", 12, 12), ("Marine", 12, 20)])
    assert play.focus_fire() == [FIRST_ATTACK, FIRST_ATTACK + 1]


def test_all_wait_for_enemies_that_come_and_go_to_those_that_stand():
    play = Play([("Marine", 10, 16)], [("Marine", 20, 16)])
    play.arena.velocity_x[1] = -0.1
    assert play.focus_fire() == [ACTION_STOP]
    play.arena.velocity_x[1] = 0.0
    assert play.focus_fire() == [ACTION_EAST]


def test_a_unit_whose_way_is_walled_walks_along_the_wall():
    walls = OPEN.copy()
    walls[:, 12] = 0
    play = Play([("Marine", 11.5, 10)], [("Marine", 20, 16)], walls)
    assert play.focus_fire() == [ACTION_NORTH]


def test_a_cooling_stalker_steps_away_from_a_zealot_and_a_ready_one_shoots():
    play = Play([("Stalker", 10, 16)], [("Zealot", 13, 16)])
    play.arena.cooldown[0] = 20.0
    assert play.kite() == ACTION_WEST
    assert play.focus_fire() == [FIRST_ATTACK]
    play.arena.cooldown[0] = 0.0
    assert play.kite() == FIRST_ATTACK  # 3 loops and the zealot is 1.8 away from its reach


def test_a_stalker_keeps_cooling_down_where_it_stands_when_the_zealot_is_far_or_busy():
    play = Play([("Stalker", 10, 16), ("Zealot", 14, 16)], [("Zealot", 15.2, 16)])
    play.arena.cooldown[0] = 20.0
    play.arena.target[2] = 1  # it fights the zealot beside it
    assert play.kite() == FIRST_ATTACK
    play = Play([("Stalker", 10, 16)], [("Zealot", 15.9, 16)])
    play.arena.cooldown[0] = 20.0
    assert play.kite() == FIRST_ATTACK


@pytest.mark.parametrize("enemy", ["Zergling", "Marine"])
def test_nobody_runs_from_the_faster_or_from_those_who_shoot(enemy):
    play = Play([("Hydralisk", 10, 16)], [(enemy, 12, 16)])
    play.arena.cooldown[0] = 12.0
    assert play.kite() == FIRST_ATTACK


def test_a_stalker_at_a_wall_slips_away_along_it():
    walls = OPEN.copy()
    walls[:, :10] = 0
    play = Play([("Stalker", 10.7, 16)], [("Zealot", 13.5, 14)], walls)
    play.arena.cooldown[0] = 20.0
    assert play.kite() == ACTION_NORTH


def test_nobody_waits_once_an_enemy_has_stopped_to_shoot():
    play = Play([("Marine", 10, 16)], [("Marine", 18, 16), ("Marine", 20, 16)])
    play.arena.velocity_x[[1, 2]] = -0.1
    assert play.focus_fire() == [ACTION_STOP]
    play.arena.velocity_x[1], play.arena.cooldown[1] = 0.0, 10.0
    assert play.focus_fire() == [ACTION_EAST]


def test_a_marine_chased_by_a_zealot_as_fast_as_itself_leaves_the_shooting_to_its_friend():
    play = Play([("Marine", 10, 16), ("Marine", 10, 20)], [("Zealot", 13.5, 16)])
    play.arena.target[2] = 0
    assert play.focus_fire(steps_back=True) == [ACTION_WEST, FIRST_ATTACK]
    play.arena.health[1] = 0.0  # alone, it has to shoot when it can
    assert play.kite() == FIRST_ATTACK
