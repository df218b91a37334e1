from __future__ import annotations

import numpy as np
import pytest
from arena import Arena

from marl.engine import rng
from marl.engine.world import empty_world

ALLIES = [("Stalker", 9, 14.5), ("Zealot", 9, 16), ("Marine", 9, 17.5)]
ENEMIES = [("Zealot", 15, 15), ("Stalker", 15, 16.5), ("Marine", 15, 18)]


def fought(seed: int, row: int = 0, rows: int = 1) -> np.ndarray:
    """The units after 40 steps of random orders that depend on the seed of orders alone."""
    draw = np.random.default_rng(0)
    arena = Arena(ALLIES, ENEMIES, seed=seed, row=row, rows=rows).send_enemies(9, 16)
    for _ in range(40):
        arena.act(*draw.integers(1, 9, size=3)).run(8)
    return arena.units.copy()


def test_the_same_seed_gives_the_same_battle_whatever_its_row():
    assert (fought(7) == fought(7, row=2, rows=5)).all()


def test_another_seed_gives_another_battle():
    assert (fought(7) != fought(8)).any()


def test_a_battle_leaves_the_other_rows_alone():
    arena = Arena(ALLIES, ENEMIES, row=1, rows=3).send_enemies(9, 16)
    before = arena.all.units.copy(), arena.all.rng.copy(), arena.all.clock.copy()
    arena.run(80)
    for after, was in zip((arena.all.units, arena.all.rng, arena.all.clock), before, strict=True):
        assert (after[[0, 2]] == was[[0, 2]]).all()
    assert arena.all.clock[1, 0] == 80


def test_loops_taken_together_or_one_by_one_are_the_same():
    together = Arena(ALLIES, ENEMIES).send_enemies(9, 16).run(200)
    singly = Arena(ALLIES, ENEMIES).send_enemies(9, 16)
    for _ in range(200):
        singly.run(1)
    assert (together.units == singly.units).all()


def test_a_world_of_the_dead_stays_as_it_is():
    arena = Arena(ALLIES, ENEMIES)
    arena.health[:] = 0
    before = arena.units.copy()
    arena.act(2, 6, 7).run(80)
    for name in before.dtype.names:
        if name not in ("sequence", "opponents_begin", "opponents_end"):
            assert (before[name] == arena.units[name]).all(), name


def test_mirrored_sides_win_about_equally_often():
    wins = 0
    for seed in range(200):
        arena = Arena([], [("Zealot", 10, 16), ("Zealot", 14, 16)], seed=seed)
        arena.side[0] = 2  # a second side that fights by itself
        while (arena.health > 0).all():
            arena.run(8)
        wins += int(arena.health[0] > 0)
    assert 65 <= wins <= 135  # 5 standard deviations of 7


def test_every_unit_acts_once_per_loop_in_a_uniformly_random_order():
    world = empty_world(1, 4)
    rng.seed_battle(world.units[0], world.rng[0], np.uint64(3))
    first = np.zeros((4, 4))
    for _ in range(4000):
        rng.shuffle(world.units[0], world.rng[0])
        assert sorted(world.sequence[0]) == [0, 1, 2, 3]
        first[np.arange(4), world.sequence[0]] += 1
    assert first == pytest.approx(1000, abs=140)  # 5 standard deviations of 27


def test_uniform_numbers_fill_the_unit_interval():
    world = empty_world(2, 1)
    rng.seed_battle(world.units[0], world.rng[0], np.uint64(0))
    rng.seed_battle(world.units[1], world.rng[1], np.uint64(1))
    drawn = np.array([[rng.uniform(world.rng[e]) for _ in range(4000)] for e in range(2)])
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert drawn.mean(1) == pytest.approx(0.5, abs=0.025)
    assert abs(np.corrcoef(drawn)[0, 1]) < 0.08
