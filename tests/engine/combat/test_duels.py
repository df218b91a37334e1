"""Duels: when a unit dies, worked out by hand from maps/units.yaml and docs/fidelity.md.

The agent, in the west, is ordered to attack; the enemy, in the east, attack-moves to its place.
Both begin facing south and turn 62.5 degrees a loop, so they face each other in loop 2 and swing
then. A shot leaves when the damage point is over, in whole loops: marine 0.8 -> 1 loop, so loop 3;
stalker 2.67 -> 3, so loop 5; zealot 0, so at once. Without the random delay shots are one period
apart, in whole loops: marine 13.77 -> 14, stalker 23.04 -> 24, zealot 19.2 -> 20. With it, the
period is 1 shorter to 2 longer: 13..16, 23..26, 19..22. A zealot's second hit comes 4.48 -> 5
loops after the first. No shield gets the 160 quiet loops that it needs to regenerate.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from arena import TYPES, Arena

from marl.engine.world import UnitTypes

NO_DELAY = UnitTypes(TYPES.table.copy())
NO_DELAY.table["delay_min"] = NO_DELAY.table["delay_max"] = 0.0
LONGEST = 400  # loops


class Duel(NamedTuple):
    """A fight and its outcome. winner: 0 agent, 1 enemy, None where a draw of luck decides."""

    agent: str
    enemy: str
    gap: float  # centre to centre
    winner: int | None
    loop: int  # of the first death, without random delays
    left: float  # the other one's health and shield then
    window: tuple[int, int]  # of the first death, with random delays
    lefts: tuple[float, float]  # the other one's least and most then


DUELS = [
    # In range at once (5 <= 5.75). 45 life, 6 a shot: the 8th kills, 7 leave 3. 3 + 7 * 14 = 101.
    # Both shoot in loop 101; the first to act wins. Random: 3 + 7 * 13 .. 3 + 7 * 16; by loop
    # 94 at least 1 + (94 - 3) // 16 = 6 shots of the other's hit, which leave 9.
    Duel("Marine", "Marine", 5, None, 101, 3, (94, 115), (3, 9)),
    # 14 a hit on shields; the 6th breaks the shield (10) and takes 4 - 1 life; then 13 of 77 left,
    # 6 times: 12 hits. Launch 5 + 11 * 24 = 269; edges are 4.75 apart at 1.172 a loop: 5 loops.
    # Both missiles are in the air when the first lands: both die in loop 274. Random: 5 + 11 * 23
    # + 5 .. 5 + 11 * 26 + 5; by loop 263 at least 1 + (263 - 10) // 26 = 10 hits landed, which
    # leave 160 - 5 * 14 - 13 - 4 * 13 = 25.
    Duel("Stalker", "Stalker", 6, None, 274, 0, (263, 296), (0, 25)),
    # Within reach at once (1 <= 1.1). 8 a hit: 6 leave 2 of 50 shield, the 7th takes 6 - 1 life,
    # then 7 each: 20 hits leave 100 - 5 - 13 * 7 = 4, the 21st kills: the first of attack 11, in
    # loop 2 + 10 * 20 = 202; the first to act wins. Random: 2 + 10 * 19 .. 2 + 10 * 22; by
    # loop 192 at least 1 + (192 - 2) // 22 = 9 first and 9 second hits landed: 18 leave 18.
    Duel("Zealot", "Zealot", 1, None, 202, 4, (192, 222), (4, 18)),
    # The zealot has 5.5 - 0.975 to walk at 0.1406 a loop: 32.2 -> 33 loops. It strikes in loop
    # 34; 6 hits of 8 kill 45: the second hit of attack 3, loop 34 + 2 * 20 + 5 = 79. Marine shots
    # by then, 3 + 14 k: 6, which take 36 of 150. Random: 34 + 2 * 19 + 5 .. 34 + 2 * 22 + 5; shots
    # by loop 77 at least 1 + (77 - 3) // 16 = 5, by loop 83 at most 1 + (83 - 3) // 13 = 7.
    Duel("Marine", "Zealot", 5.5, 1, 79, 114, (77, 83), (108, 120)),
    # The zealot has 6.9 - 1.225 to walk: 40.4 -> 41 loops, strikes in loop 42. 10 hits of 8 on
    # the shield, then 7: 12 for 80 life. Hit 22 is the second of attack 11: 42 + 10 * 20 + 5 =
    # 247. Missiles leave at 5 + 24 k and need 1 loop at the end: 11 land by loop 246, 5 * 10 on
    # the shield and 6 * 9: 150 - 104 = 46. Random: 42 + 190 + 5 .. 42 + 220 + 5; hits by loop 237
    # at least 1 + (236 - 5) // 26 = 9, by loop 267 at most 1 + (266 - 5) // 23 = 12.
    Duel("Stalker", "Zealot", 6.9, 1, 247, 46, (237, 267), (37, 64)),
    # Both in range (6 <= 7, 6 <= 6). 5 missiles of 10 kill 45. The fifth leaves in 5 + 4 * 24 =
    # 101; edges are 5 apart: 5 loops. Marine shots by 106, 3 + 14 k: 8, 48 of 160. Random: 5 + 4 *
    # 23 + 5 .. 5 + 4 * 26 + 5; shots by loop 101 at least 1 + (101 - 3) // 16 = 7, by loop 114 at
    # most 1 + (114 - 3) // 13 = 9.
    Duel("Stalker", "Marine", 6, 0, 106, 112, (102, 114), (106, 118)),
    # No damage point: the marauder fires in loop 2. Edges are 4.0625 apart at 1.25 a loop: 4 loops.
    # The fifth grenade of 10 leaves in 2 + 4 * 24 = 98. Marine shots by 102: 8, of 6 - 1: 40 of
    # 125. Random: 2 + 4 * 23 + 4 .. 2 + 4 * 26 + 4; shots by 98 at least 1 + (98 - 3) // 16 = 6,
    # by 110 at most 1 + (110 - 3) // 13 = 9.
    Duel("Marauder", "Marine", 5, 0, 102, 85, (98, 110), (80, 95)),
    # The colossus may fire 56 degrees aside: it swings in loop 1, fires in 3, hits twice in 15. 20
    # + 20 on the shield; 10 on it and 9, 19; 38; 38 > 34: the fourth attack kills, 3 + 3 * 36 + 12
    # = 123. The zealot has 6 - 1.6 to walk: 32 loops, strikes in 33 + 20 k and 5 later: 10 hits of
    # 8 on the shield by 123. Random: 3 + 3 * 35 + 12 .. 3 + 3 * 38 + 12; hits by 119 at least
    # 1 + (119 - 33) // 22 + 1 + (119 - 38) // 22 = 8, by 129 at most
    # 1 + (129 - 33) // 19 + 1 + (129 - 38) // 19 = 11.
    Duel("Colossus", "Zealot", 6, 0, 123, 270, (120, 129), (262, 286)),
]

every_duel = pytest.mark.parametrize("duel", DUELS, ids=lambda d: f"{d.agent}-{d.enemy}")


def fight(duel: Duel, seed: int, types: UnitTypes) -> tuple[int, np.ndarray]:
    """The loop of the first death, and both units' health and shield in it. [2]"""
    arena = Arena([(duel.agent, 10, 16)], [(duel.enemy, 10 + duel.gap, 16)], seed=seed, types=types)
    arena.act(6).send_enemies(10, 16)
    for now in range(1, LONGEST):
        if (arena.run().health == 0).any():
            return now, arena.vitality()
    raise AssertionError(f"nobody died within {LONGEST} loops")


@every_duel
@pytest.mark.parametrize("seed", range(4))
def test_without_random_delays_a_duel_ends_as_worked_out_by_hand(duel: Duel, seed: int):
    loop, vitality = fight(duel, seed, NO_DELAY)
    assert loop == duel.loop
    assert sorted(vitality) == [0, duel.left]
    if duel.winner is not None:
        assert vitality[duel.winner] == duel.left


@every_duel
def test_random_delays_move_a_death_by_no_more_than_their_sum(duel: Duel):
    ends = []
    for seed in range(20):
        loop, vitality = fight(duel, seed, TYPES)
        assert duel.window[0] <= loop <= duel.window[1]
        assert duel.lefts[0] <= vitality.max() <= duel.lefts[1]
        assert vitality.min() == 0
        if duel.winner is not None:
            assert vitality.argmax() == duel.winner
        ends.append(loop)
    assert len(set(ends)) > 1
