from __future__ import annotations

import math

import pytest
from arena import NAMES, TYPES, Arena

from marl.engine.combat.enemy_script import make_enemy_script
from marl.engine.combat.targeting import mark_opponents
from marl.engine.combat.vitals import hit
from marl.engine.facts.choices import Choices
from marl.engine.world import NO_UNIT, ORDER_ATTACK, ORDER_NONE, PLANES, UnitTypes


def test_agents_never_act_on_their_own():
    arena = Arena([("Marine", 10, 16)], [("Marine", 11, 16)])
    arena.run(160)
    assert arena.health[1] == 45
    assert arena.target[0] == NO_UNIT
    assert arena.health[0] == 0  # shot while it stood there


def test_stock_units_acquire_within_five_between_edges():
    reach = 5 + 0.5 + 0.375
    for gap, target in ((reach - 0.01, 0), (reach + 0.01, NO_UNIT)):
        arena = Arena([("Marine", 10, 16)], [("Zealot", 10 + gap, 16)])
        assert arena.run(1).target[1] == target


def test_the_nearest_is_taken_and_kept_while_it_is_in_range():
    arena = Arena([("Marine", 10, 16), ("Marine", 10, 20)], [("Marine", 13, 17)])
    arena.cooldown[:] = 1e6
    assert arena.run(1).target[2] == 0
    arena.x[1], arena.y[1] = 12, 17  # nearer now, but the old one is still in range
    assert arena.run(1).target[2] == 0
    arena.x[0] = 3  # out of weapon range: looked for anew
    assert arena.run(1).target[2] == 1


def disarmed(*names: str) -> UnitTypes:
    """The unit types, those named without a weapon."""
    table = TYPES.table.copy()
    table["targets"][[NAMES.index(name) for name in names]] = 0
    return UnitTypes(table)


def test_threats_come_before_the_harmless():
    types = disarmed("Stalker")
    for first, nearer in ((True, 1), (False, 0)):
        arena = Arena(
            [("Stalker", 11, 16), ("Marine", 14, 16)],
            [("Marine", 10, 16)],
            types=types,
            choices=Choices(threats_first=first),
        )
        assert arena.run(1).target[2] == nearer
        arena.health[nearer] = 0
        assert arena.run(1).target[2] == 1 - nearer


def test_units_fight_only_what_their_weapon_reaches():
    for name, target in (("Marine", 0), ("Hydralisk", 0), ("Stalker", 0), ("Zealot", 1)):
        arena = Arena([("Medivac", 14, 16), ("Marine", 15, 16)], [(name, 10, 16)])
        assert arena.run(1).target[2] == target


def test_a_medivac_counts_as_a_threat_though_it_has_no_weapon():
    arena = Arena([("Medivac", 13, 16), ("Marine", 14, 16)], [("Marine", 10, 16)])
    assert arena.run(1).target[2] == 0
    arena.x[1] = 11  # nearer now, but the medivac is kept
    assert arena.run(1).target[2] == 0


def test_a_colossus_can_be_hit_in_both_planes():
    table = TYPES.table.copy()
    table["targets"][NAMES.index("Marine")] = 1 << PLANES.index("Air")
    types = UnitTypes(table)
    arena = Arena([("Colossus", 14, 16), ("Stalker", 12, 16)], [("Marine", 10, 16)], types=types)
    assert arena.run(1).target[2] == 0


def test_a_target_is_kept_or_the_nearest_taken_again_in_each_loop():
    for kept, target in ((True, 0), (False, 1)):
        arena = Arena(
            [("Marine", 10, 16), ("Marine", 10, 20)],
            [("Marine", 13, 17)],
            choices=Choices(target_kept=kept),
        )
        arena.cooldown[:] = 1e6
        assert arena.run(1).target[2] == 0
        arena.x[1], arena.y[1] = 12, 17
        assert arena.run(1).target[2] == target


def test_a_call_for_help_changes_targets_or_not():
    for reranks, target in ((False, 1), (True, 0)):
        arena = Arena(
            [("Marine", 10, 16), ("Marine", 10, 12)],
            [("Marine", 14, 14), ("Marine", 13, 13)],
            choices=Choices(helpers_rerank=reranks),
        )
        arena.cooldown[:] = 1e6
        arena.health[:] = 1e6
        arena.run(1)
        arena.target[2:] = 1
        hit(arena.field, arena.units, 0, 2)  # the one in the west hits the one in the north
        assert arena.run(1).target[2:].tolist() == [target, target]


def test_units_look_as_far_as_5_or_their_range_and_a_margin():
    # A stalker's 6 with 0.5 more; a zealot's 0.1 with 0.5 stays below 5.
    for name, margin, scan in (
        ("Stalker", 0.0, 6.0),
        ("Stalker", 0.5, 6.5),
        ("Zealot", 0.5, 5.0),
        ("SpineCrawler", 0.0, 7.0),
    ):
        reach = scan + TYPES.radius[NAMES.index(name)] + 0.375
        for gap, target in ((reach - 0.01, 0), (reach + 0.01, NO_UNIT)):
            arena = Arena(
                [("Marine", 10, 16)],
                [(name, 10 + gap, 16)],
                choices=Choices(acquire_margin=margin),
            )
            assert arena.run(1).target[1] == target


def test_a_chased_target_that_outruns_the_scan_is_chased_on():
    arena = Arena([("Stalker", 10, 16)], [("Zealot", 12, 16)])
    arena.run(1)
    arena.x[0] = 2
    assert arena.run(20).target[1] == 0
    assert arena.x[1] < 10
    arena.x[1] = 31  # 29 apart: beyond the leash
    assert arena.run(1).target[1] == NO_UNIT


def test_an_idle_stock_unit_answers_who_hits_it_from_beyond_its_scan():
    for answers in (True, False):
        arena = Arena(
            [("Stalker", 10, 16)],
            [("Zealot", 17, 16)],  # reach 7.125, scan 6.125
            choices=Choices(answer_beyond_scan=answers),
        )
        arena.act(6).run(20)
        assert arena.shield[1] < 50
        assert (arena.target[1] == 0) == answers
        assert (arena.x[1] < 17) == answers


def test_nobody_answers_what_it_cannot_hit():
    arena = Arena([("Medivac", 17, 16)], [("Zealot", 16, 16), ("Zealot", 16, 14)])
    hit(arena.field, arena.units, 0, 1)
    assert arena.run(1).target[1:].tolist() == [NO_UNIT, NO_UNIT]


def test_who_has_no_weapon_walks_to_the_end_of_an_attack_move():
    types = disarmed("Marine")
    arena = Arena([("Zealot", 16, 20)], [("Marine", 16, 16)], types=types)
    arena.send_enemies(10, 16).run(50)
    assert abs(arena.x[1] - 10) < 0.2
    assert arena.target[1] == NO_UNIT


@pytest.mark.parametrize("stops", [False, True])
def test_a_wave_that_hunts_leaves_alone_what_it_cannot_hit(stops: bool):
    enemy_script = make_enemy_script("hunt", ((0.0, 0.0), (0.0, 0.0)))
    arena = Arena(
        [("Medivac", 10, 16), ("Marine", 4, 16)],
        [("Zealot", 24, 16), ("Marine", 24, 18)],
        enemy_script=enemy_script,
        choices=Choices(refused_order_stops=stops),
    )
    arena.run(8)
    assert arena.order[2:].tolist() == [ORDER_NONE, ORDER_ATTACK]
    assert arena.order_target[3] == 0


def test_friends_within_four_come_to_help_and_others_do_not():
    arena = Arena(
        [("Stalker", 10, 16)], [("Zealot", 17, 16), ("Zealot", 20, 16), ("Zealot", 22, 16)]
    )
    arena.act(6).run(14)
    assert arena.target[1:].tolist() == [0, 0, NO_UNIT]


def test_an_attack_order_ends_with_its_target():
    arena = Arena([("Marine", 10, 16)], [("Marine", 13, 16), ("Marine", 13, 18)])
    arena.cooldown[1:] = 1e6
    arena.health[1] = 6
    arena.act(6).run(60)
    assert arena.health[1:].tolist() == [0, 45]
    assert arena.order[0] == ORDER_NONE


def test_the_wave_fights_what_it_meets_then_walks_on():
    arena = Arena([("Marine", 16, 16)], [("Zealot", 23, 16)])
    arena.send_enemies(9, 16).run(16 * 20)
    assert arena.health[0] == 0
    assert abs(arena.x[1] - 9) < 0.2
    assert arena.order[1] == ORDER_NONE


def test_a_zealot_shut_off_from_the_nearest_takes_one_that_it_can_reach():
    ring = [
        ("Zealot", 16 + 1.2 * math.cos(k * math.tau / 9), 16 + 1.2 * math.sin(k * math.tau / 9))
        for k in range(9)
    ]  # nobody fits between two of them
    for repicks in (True, False):
        arena = Arena(
            [("Stalker", 16, 16), ("Stalker", 22.2, 16)],
            [*ring, ("Zealot", 18.2, 16)],
            choices=Choices(blocked_repick=repicks),
        )
        arena.health[:] = 1e6
        assert arena.run(1).target[11] == 0  # 2.2 away; the other one is 4.0
        arena.run(96)
        assert (arena.target[2:11] == 0).all()
        assert arena.target[11] == int(repicks)
        assert (arena.vitality()[1] < 1e6 + 80) == repicks


@pytest.mark.parametrize(
    ("sides", "parts"),
    [
        ([0, 0, 1, 1, 1], [(2, 5), (2, 5), (0, 2), (0, 2), (0, 2)]),
        ([1, 1], [(2, 2), (2, 2)]),
        ([0, 1, 0], [(1, 2), (0, 3), (1, 2)]),
        ([2, 1], [(1, 2), (0, 1)]),
    ],
)
def test_each_unit_knows_which_part_of_the_list_holds_its_opponents(
    sides: list[int], parts: list[tuple[int, int]]
):
    arena = Arena([("Marine", 16, 16)] * len(sides))
    arena.side[:] = sides
    mark_opponents(arena.units)
    found = list(zip(arena.opponents_begin, arena.opponents_end, strict=True))
    for part, expected in zip(found, parts, strict=True):
        assert part == expected or (part[0] >= part[1] and expected[0] >= expected[1])
