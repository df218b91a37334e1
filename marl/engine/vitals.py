"""Life, shields, damage and death of one unit."""

from __future__ import annotations

from numba import njit

from marl.engine.world import ATTRIBUTES, NO_UNIT, ORDER_NONE, UnitTypes, World, battle_of

MIN_DAMAGE = 0.5  # of a hit that reaches life (core game data)
CALL_RADIUS = 4.0  # centre to centre: who hears a unit that is hit (core game data)
CALL_PERIOD = 32  # loops between two calls of one unit: 2 game-seconds
PASSIVE_SIDE = 0  # its units never acquire a target nor answer a hit by themselves
N_ATTRIBUTES = len(ATTRIBUTES)


@njit(cache=True)
def place_unit(
    world: World, e: int, i: int, kind: int, side: int, x: float, y: float, types: UnitTypes
) -> None:
    """Unit i of battle e as new: whole, idle, its weapon ready, facing south."""
    battle = battle_of(world, e)
    battle.kind[i], battle.side[i] = kind, side
    battle.x[i], battle.y[i] = x, y
    battle.facing_x[i], battle.facing_y[i] = 0.0, -1.0
    battle.health[i], battle.shield[i] = types.health[kind], types.shield[kind]
    battle.cooldown[i], battle.shield_wait[i] = 0.0, 0.0
    battle.order_x[i], battle.order_y[i] = x, y
    battle.missile[i], battle.missile_target[i] = -1.0, NO_UNIT
    battle.missile_x[i], battle.missile_y[i] = x, y
    battle.next_call[i] = 0
    rest(battle, i)


@njit(cache=True, forceinline=True)
def rest(battle: World, i: int) -> None:
    """Unit i without an order, without a target, standing."""
    battle.order[i] = ORDER_NONE
    battle.order_target[i] = NO_UNIT
    battle.target[i] = NO_UNIT
    battle.attacker[i] = NO_UNIT
    battle.swing[i] = -1.0
    battle.burst[i] = -1.0
    battle.burst_target[i] = NO_UNIT
    battle.velocity_x[i] = 0.0
    battle.velocity_y[i] = 0.0
    battle.detour[i] = 0
    battle.blocked[i] = 0


@njit(cache=True, forceinline=True)
def is_alive(battle: World, i: int) -> bool:
    """Whether `i` is a unit that lives; NO_UNIT is none."""
    return i >= 0 and battle.health[i] > 0.0


@njit(cache=True, forceinline=True)
def recover(battle: World, types: UnitTypes, i: int) -> None:
    """One loop of cooling down and of shield and life regeneration."""
    kind = battle.kind[i]
    battle.cooldown[i] = max(battle.cooldown[i] - 1.0, 0.0)
    if battle.shield[i] < types.shield[kind]:
        battle.shield_wait[i] -= 1.0
        if battle.shield_wait[i] <= 0.0:
            shield = battle.shield[i] + types.shield_rate[kind]
            battle.shield[i] = min(shield, types.shield[kind])
    if battle.health[i] < types.health[kind]:
        health = battle.health[i] + types.health_rate[kind]
        battle.health[i] = min(health, types.health[kind])


@njit(cache=True)
def hit(battle: World, types: UnitTypes, shooter: int, victim: int) -> None:
    """One hit of the shooter's weapon: shields absorb first, armour lessens what reaches life.

    Shields have no armour. The rest of a hit that a shield did not absorb loses at least
    MIN_DAMAGE life, also where the rest itself is smaller (docs/fidelity.md).
    """
    if not is_alive(battle, victim):
        return
    kind = battle.kind[victim]
    attack = attack_on(types, battle.kind[shooter], kind)
    absorbed = min(battle.shield[victim], attack)
    battle.shield[victim] -= absorbed
    battle.shield_wait[victim] = types.shield_delay[kind]
    if attack > absorbed:
        battle.health[victim] -= max(attack - absorbed - types.armor[kind], MIN_DAMAGE)
    if battle.health[victim] <= 0.0:
        die(battle, victim)
    elif battle.side[victim] != PASSIVE_SIDE:
        call_for_help(battle, shooter, victim)


@njit(cache=True)
def attack_on(types: UnitTypes, kind: int, victim_kind: int) -> float:
    """Hit points of one hit before shields and armour: base and bonuses that apply."""
    attack = types.damage[kind]
    for attribute in range(N_ATTRIBUTES):
        if types.attributes[victim_kind] >> attribute & 1:
            attack += types.bonus[kind, attribute]
    return attack


@njit(cache=True)
def die(battle: World, i: int) -> None:
    """Unit i is dead; a missile that it has in the air flies on."""
    battle.health[i] = 0.0
    battle.shield[i] = 0.0
    rest(battle, i)


@njit(cache=True)
def call_for_help(battle: World, shooter: int, victim: int) -> None:
    """The victim, and now and then its friends around, know whom to answer."""
    battle.attacker[victim] = shooter
    if battle.clock[0] < battle.next_call[victim]:
        return
    battle.next_call[victim] = battle.clock[0] + CALL_PERIOD
    for i in range(battle.x.size):
        if battle.side[i] == battle.side[victim] and is_alive(battle, i):
            gap_x = battle.x[i] - battle.x[victim]
            gap_y = battle.y[i] - battle.y[victim]
            is_near = gap_x * gap_x + gap_y * gap_y <= CALL_RADIUS * CALL_RADIUS
            if is_near and battle.attacker[i] == NO_UNIT:
                battle.attacker[i] = shooter
