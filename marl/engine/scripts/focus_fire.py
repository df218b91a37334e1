"""Focus fire: a script in which all agents shoot at the weakest enemy in reach.

Axes as in marl/engine/scripts/heuristic.py.
"""

from __future__ import annotations

from marl.compiled.jit import compiled, inlined
from marl.engine.combat.orders import (
    ACTION_EAST,
    ACTION_NO_OP,
    ACTION_NORTH,
    ACTION_SOUTH,
    ACTION_STOP,
    ACTION_WEST,
)
from marl.engine.combat.targeting import can_hit
from marl.engine.combat.vitals import attack_on
from marl.engine.scripts.heuristic import (
    FAR,
    Flags,
    Scene,
    along_larger_axis,
    distance,
    first_target_unit,
    heals,
    needs_attention,
)
from marl.engine.scripts.kiting import MELEE_RANGE, retreat_move, should_retreat
from marl.engine.world import NO_UNIT, Floats, Ints, Units


@compiled
def focus_fire(
    scene: Scene,
    steps_back: bool,
    all_units: Units,
    avail: Flags,
    targets: Ints,
    assigned_damage: Floats,
    out: Ints,
) -> None:
    """All agents attack one enemy, the weakest in reach, until it is dead; legal actions only.

    They wait while the enemies approach and none is in reach. Agents whose shots the target no
    longer needs attack the next weakest one. Melee units and healers take the target nearest to
    each of them. If `steps_back`, ranged units keep away from melee enemies while their weapons
    cool down. all_units [E,N]; avail [E,A,U]; targets [E,1], the common target, kept from step to
    step; assigned_damage [E,N] scratch; out [E,A].
    """
    for e in range(out.shape[0]):
        units = all_units[e]
        assigned_damage[e, :] = 0.0
        if targets[e, 0] == NO_UNIT or units[targets[e, 0]].health <= 0.0:
            targets[e, 0] = weakest_in_reach(scene, units, avail[e])
        waits = targets[e, 0] == NO_UNIT and enemies_approach(scene, units)
        for i in range(scene.n_agents):
            if units[i].health <= 0.0:
                out[e, i] = ACTION_NO_OP
            elif waits:
                out[e, i] = ACTION_STOP
            elif steps_back and should_retreat(scene, units, avail[e, i], i):
                out[e, i] = retreat_move(scene, units, avail[e, i], i)
            else:
                target = choose_target(
                    scene, units, avail[e, i], i, targets[e, 0], assigned_damage[e]
                )
                out[e, i] = approach_or_fire(scene, units, avail[e, i], i, target)


@inlined
def action_on(scene: Scene, units: Units, i: int, j: int) -> int:
    """The action by which agent i attacks or heals unit j."""
    return scene.first_target + j - first_target_unit(scene, units[i])


@compiled
def enemies_approach(scene: Scene, units: Units) -> bool:
    """Whether some enemy walks and none stands and fights."""
    any_walks = False
    for j in range(scene.n_agents, units.size):
        unit = units[j]
        if unit.health > 0.0:
            if unit.velocity_x != 0.0 or unit.velocity_y != 0.0:
                any_walks = True
            elif unit.cooldown > 0.0 or unit.swing >= 0.0:
                return False
    return any_walks


@compiled
def weakest_in_reach(scene: Scene, units: Units, avail: Flags) -> int:
    """The enemy with the least health + shield that some agent may attack; NO_UNIT if none."""
    best, least = NO_UNIT, FAR
    for j in range(scene.n_agents, units.size):
        vitality = units[j].health + units[j].shield
        if units[j].health > 0.0 and vitality < least:
            for i in range(scene.n_agents):
                if may_hit(scene, units, i, j) and avail[i, action_on(scene, units, i, j)]:
                    best, least = j, vitality
                    break
    return best


@inlined
def may_hit(scene: Scene, units: Units, i: int, j: int) -> bool:
    """Whether agent i is alive and its weapon can hit units of j's type."""
    kind, other_kind = scene.table[units[i].kind], scene.table[units[j].kind]
    return units[i].health > 0.0 and can_hit(kind, other_kind)


@compiled
def choose_target(
    scene: Scene,
    units: Units,
    avail: Flags,
    i: int,
    shared: int,
    assigned_damage: Floats,
) -> int:
    """Agent i's target: the shared one, else the weakest that needs another shot, else the nearest.

    assigned_damage: [N] damage of the shots of agents before i, to which agent i's is added.
    """
    kind = scene.table[units[i].kind]
    if heals(scene, units[i]) or kind.weapon_range < MELEE_RANGE:
        return nearest_legal(scene, units, avail, i)
    target, least = NO_UNIT, FAR
    for j in range(scene.n_agents, units.size):
        left = units[j].health + units[j].shield - assigned_damage[j]
        legal = may_hit(scene, units, i, j) and avail[action_on(scene, units, i, j)]
        if units[j].health > 0.0 and left > 0.0 and legal:
            if j == shared:
                target = j
                break
            if left < least:
                target, least = j, left
    if target == NO_UNIT:
        return nearest_legal(scene, units, avail, i)
    if units[i].cooldown <= scene.step_mul:
        assigned_damage[target] += kind.hits * attack_on(kind, scene.table[units[target].kind])
    return target


@compiled
def nearest_legal(scene: Scene, units: Units, avail: Flags, i: int) -> int:
    """The nearest target with a legal action of agent i, else the nearest; NO_UNIT if none."""
    first = first_target_unit(scene, units[i])
    count = scene.n_agents if first == 0 else units.size - scene.n_agents
    best, least = NO_UNIT, 2.0 * FAR
    for j in range(first, first + count):
        if needs_attention(scene, units, j) and (first == 0 or may_hit(scene, units, i, j)):
            gap = distance(units[i], units[j])
            if not avail[action_on(scene, units, i, j)]:
                gap += FAR
            if gap < least:
                best, least = j, gap
    return best


@inlined
def approach_or_fire(scene: Scene, units: Units, avail: Flags, i: int, target: int) -> int:
    """Attack or heal the target if that is legal, else walk towards it, else stop."""
    if target == NO_UNIT:
        return ACTION_STOP
    action = action_on(scene, units, i, target)
    if avail[action]:
        return action
    move = along_larger_axis(units[i], units[target])
    if avail[move]:
        return move
    unit, other = units[i], units[target]
    if move in (ACTION_EAST, ACTION_WEST):
        move = ACTION_NORTH if other.y > unit.y else ACTION_SOUTH
    else:
        move = ACTION_EAST if other.x > unit.x else ACTION_WEST
    return move if avail[move] else ACTION_STOP
