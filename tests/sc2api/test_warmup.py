"""What the warm-up compiles is all that the server calls."""

from __future__ import annotations

from marl.engine import rng
from marl.engine.combat import enemy_script as wave
from marl.engine.combat import loop, orders, spawn, vitals
from marl.sc2api.warmup import compile_all
from tests.sc2api.player import Player

CALLED = (
    loop.run_loops,
    orders.give,
    orders.order_attack,
    orders.order_heal,
    rng.seed_battle,
    spawn.settle,
    spawn._find_place,
    vitals.die,
    wave.begin,
)


def test_after_the_warm_up_nothing_is_left_to_compile():
    compile_all()
    before = [len(function.signatures) for function in CALLED]
    assert min(before) >= 1
    player = Player("MMM")
    allies, enemies = player.teams()
    for ability in (4, 16, 23, 386):
        for target in (allies[0], enemies[0]):
            player.order(ability, *(unit.tag for unit in allies), unit=target.tag)
    player.order(16, allies[0].tag, at=(10.0, 16.0))
    player.kill(enemies[0].tag)
    player.create((48, 1, 9.0, 16.0), (48, 2, 9.0, 16.0))
    player.step(3)
    player.kill(*(unit.tag for unit in player.units()))
    player.step(2)
    player.units()
    player.step(3)
    assert len(player.units()) == len(allies) + len(enemies)
    assert [len(function.signatures) for function in CALLED] == before
