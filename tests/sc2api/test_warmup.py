"""What the warm-up compiles is all that the server calls."""

from __future__ import annotations

from marl.engine.combat.enemy_script import start_enemy_script
from marl.engine.combat.loop import run_loops
from marl.engine.combat.orders import give, order_attack, order_heal
from marl.engine.combat.spawn import find_free_places
from marl.engine.rng import seed_battle
from marl.sc2api.warmup import compile_all
from tests.sc2api.player import Player

CALLED = (
    find_free_places,
    give,
    order_attack,
    order_heal,
    run_loops,
    seed_battle,
    start_enemy_script,
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
