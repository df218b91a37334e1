"""Health, shield, energy, damage and death of one unit."""

from __future__ import annotations

from marl.compiled.jit import compiled, inlined
from marl.engine.field import Field
from marl.engine.world import ATTRIBUTES, NO_UNIT, ORDER_NONE, SUICIDE, Ints, Units, UnitType

MIN_DAMAGE = 0.5  # least loss of health by one hit (core game data)
CALL_RADIUS = 4.0  # friends this near, centre to centre, hear a call for help (core game data)
CALL_PERIOD = 32  # loops between two calls of one unit: 2 game-seconds
PASSIVE_SIDE = 0  # the agents': its units attack on orders only
N_ATTRIBUTES = len(ATTRIBUTES)


@inlined
def is_alive(units: Units, i: int) -> bool:
    """Whether unit i lives; False for NO_UNIT."""
    return i >= 0 and units[i].health > 0.0


@inlined
def recover(field: Field, units: Units, i: int) -> None:
    """One loop of cooldown, and of shield, health and energy regeneration."""
    unit, kind = units[i], field.table[units[i].kind]
    unit.cooldown = max(unit.cooldown - 1.0, 0.0)
    unit.help_wait = max(unit.help_wait - 1.0, 0.0)
    if unit.shield < kind.shield:
        unit.shield_wait -= 1.0
        if unit.shield_wait <= 0.0:
            unit.shield = min(unit.shield + kind.shield_rate, kind.shield)
    if unit.health < kind.health:
        unit.health = min(unit.health + kind.health_rate, kind.health)
    if unit.energy < kind.energy_max:
        unit.energy = min(unit.energy + kind.energy_rate, kind.energy_max)


@compiled
def hit(field: Field, units: Units, shooter: int, victim: int) -> None:
    """One hit of the shooter's weapon on the victim, if it still lives."""
    if is_alive(units, victim):
        kind, victim_kind = field.table[units[shooter].kind], field.table[units[victim].kind]
        strike(field, units, shooter, victim, attack_on(kind, victim_kind))


@compiled
def strike(field: Field, units: Units, shooter: int, victim: int, attack: float) -> None:
    """A hit of `attack` points on a living victim.

    Shields absorb first and have no armour. What they leave is reduced by armour and costs health,
    at least MIN_DAMAGE, also if the shield left less than that (Choices.overflow_minimum).
    """
    unit, kind = units[victim], field.table[units[victim].kind]
    absorbed = min(unit.shield, attack)
    unit.shield -= absorbed
    unit.shield_wait = kind.shield_delay
    if attack > absorbed:
        has_minimum = absorbed == 0.0 or field.choices[0].overflow_minimum != 0
        least = MIN_DAMAGE if has_minimum else 0.0
        unit.health -= max(attack - absorbed - kind.armor, least)
    if unit.health <= 0.0:
        die(field, units, victim)
    elif unit.side != PASSIVE_SIDE and is_alive(units, shooter):
        call_for_help(units, shooter, victim)


@compiled
def attack_on(kind: UnitType, victim_kind: UnitType) -> float:
    """Damage of one hit before shields and armour: the base and the bonuses that apply."""
    attack = kind.damage
    for attribute in range(N_ATTRIBUTES):
        if (victim_kind.attributes >> attribute) & 1:
            attack += kind.bonus[attribute]
    return attack


@compiled
def die(field: Field, units: Units, i: int) -> None:
    """Kill unit i; its missile in the air flies on.

    A unit that explodes on dying does so at the end of the loop: marl.engine.combat.splash.
    """
    unit = units[i]
    unit.health, unit.shield, unit.cooldown = 0.0, 0.0, 0.0
    unit.order, unit.order_target = ORDER_NONE, NO_UNIT
    unit.target, unit.attacker, unit.burst_target = NO_UNIT, NO_UNIT, NO_UNIT
    unit.swing, unit.burst = -1.0, -1.0
    unit.velocity_x, unit.velocity_y = 0.0, 0.0
    unit.beam_due = 0
    unit.fuse = int(field.table[unit.kind].delivery == SUICIDE)


@compiled
def kill_marked(field: Field, units: Units, marked: Ints) -> None:
    """Kill the living units among the first M that `marked` [M] marks by 1."""
    for i in range(marked.size):
        if marked[i] != 0 and units[i].health > 0.0:
            die(field, units, i)


@compiled
def call_for_help(units: Units, shooter: int, victim: int) -> None:
    """Set the shooter as the victim's attacker, and every CALL_PERIOD as its near friends' too."""
    caller = units[victim]
    caller.attacker = shooter
    if caller.help_wait > 0.0:
        return
    caller.help_wait = CALL_PERIOD
    for i in range(units.size):
        friend = units[i]
        if friend.side == caller.side and friend.health > 0.0 and friend.attacker == NO_UNIT:
            gap_x, gap_y = friend.x - caller.x, friend.y - caller.y
            if gap_x * gap_x + gap_y * gap_y <= CALL_RADIUS * CALL_RADIUS:
                friend.attacker = shooter
