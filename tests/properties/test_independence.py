"""What a battle depends on: its seed and actions, not its company, nor those who are dead."""

from __future__ import annotations

import numba as nb
import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from properties.battlefield import DRAWN, Player, battles_of, few, names, seeds, styles

from marl.engine.world import UNIT_FIELDS, UNIT_INTS

TWO_THREADS = min(2, nb.config.NUMBA_NUM_THREADS)
PARALLEL = 40  # battles, more than PARALLEL_FROM
STEPS = 40
SCRATCH = ("near", "near_x", "near_y", "near_contact")  # written before it is read
# What a dead unit still is or has in the air; the order of play is the battle's, not the unit's.
LASTING = ("kind", "side", "health", "sequence", "missile", "missile_target", "missile_x")
LASTING += ("missile_y", "fuse", *SCRATCH)
PLACE = ("x", "y")
IDLE = [name for name in UNIT_FIELDS if name not in LASTING]


def shown(player: Player, rows: list[int]) -> list[list[bytes]]:
    """AllRows of these battles after each of STEPS steps."""
    battles, series = player.battles, []
    for _ in range(STEPS):
        player.step()
        for e in rows:
            parts = [array[e].tobytes() for array in battles.record]
            series.append([*parts, battles.world.units[e].tobytes()])
    return series


@few
@given(names, seeds, styles, st.integers(0, 4), st.sampled_from((5, PARALLEL)))
@example("protoss_5_vs_5", 3, "random", 1, 5)
@example("zerg_10_vs_10", 4, "fight", 4, PARALLEL)
def test_a_battle_is_the_same_bit_for_bit_after_and_beside_any_others_on_any_threads(
    name: str, seed: int, style: str, row: int, num_envs: int
):
    alone = shown(Player(battles_of.__wrapped__(name, 1), [seed], style), [0])
    company = [(seed + 7 * e) % 2**64 for e in range(1, num_envs)]
    company.insert(row, seed)
    for threads in (1, TWO_THREADS) if num_envs == PARALLEL else (1,):
        battles = battles_of(name, num_envs, threads)
        shown(Player(battles, company[::-1], style), [row])
        assert shown(Player(battles, company, style), [row]) == alone


@few
@given(names, seeds, styles, st.integers(0, 2**32 - 1))
@example("27m_vs_30m", 1, "fight", 1)
@example("1c3s5z", 1, "fight", 1)
@example("bane_vs_bane", 1, "fight", 1)
@example("terran_10_vs_11", 1, "fight", 1)
def test_whatever_a_dead_unit_holds_changes_nothing(name: str, seed: int, style: str, noise: int):
    """All of its fields but what it is, that it is dead, and the missile that it has in the air.

    Where it lies matters too if it is under a colossus's running beams, and to SMACv2's agents,
    who must notice that it is dead.
    """
    rng = np.random.default_rng(noise)
    one, other = battles_of(name, 1), battles_of.__wrapped__(name, 1)
    place_matters = name in DRAWN or "Colossus" in one.scenario.unit_names
    changed = [field for field in IDLE if not (place_matters and field in PLACE)]
    player, double = Player(one, [seed], style), Player(other, [seed], style)
    for _ in range(one.scenario.episode_limit):
        player.step()
        double.step()
        for here, there in zip(one.record, other.record, strict=True):
            np.testing.assert_array_equal(here, there)
        units, doubles = one.world.units[0], other.world.units[0]
        alive = units["health"] > 0
        for field in UNIT_FIELDS:
            if field not in SCRATCH:
                who = alive if field in IDLE else slice(None)
                np.testing.assert_array_equal(units[field][who], doubles[field][who], field)
        if one.record.terminated[0]:
            break
        for i in np.flatnonzero(~alive):
            for field in changed:
                whole = field in UNIT_INTS
                doubles[field][i] = rng.integers(-1, 5) if whole else rng.uniform(0, 32)
