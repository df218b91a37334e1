"""A script that concentrates fire: all shoot at the weakest enemy in reach; see `focus_fire`.

Axes and facts as in marl/engine/scripts/heuristic.py.
"""

from __future__ import annotations

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
from marl.engine.compiled.jit import compiled, inlined
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
from marl.engine.scripts.kiting import MELEE_RANGE, flees, way_out
from marl.engine.world import NO_UNIT, Floats, Ints, Units


@compiled
def focus_fire(
    scene: Scene,
    steps_back: bool,
    all_units: Units,
    avail: Flags,
    targets: Ints,
    pledged: Floats,
    out: Ints,
) -> None:
    """All fire on one enemy, the weakest in reach, until it is dead; only legal actions.

    Nobody walks while the enemies come, none is in reach and none has stopped to fight.
    Shots that the target no longer needs go to the next weakest. Melee units take the enemy
    nearest to each of them. If `steps_back`, ranged units keep away from melee enemies while their
    weapons cool down. all_units [E,N]; avail [E,A,U]; targets [E,1], the enemy fired on, kept from
    step to step; pledged [E,N] scratch; out [E,A].
    """
    for e in range(out.shape[0]):
        units = all_units[e]
        pledged[e, :] = 0.0
        if targets[e, 0] == NO_UNIT or units[targets[e, 0]].health <= 0.0:
            targets[e, 0] = weakest_in_reach(scene, units, avail[e])
        waits = targets[e, 0] == NO_UNIT and come(scene, units)
        for i in range(scene.n_agents):
            if units[i].health <= 0.0:
                out[e, i] = ACTION_NO_OP
            elif waits:
                out[e, i] = ACTION_STOP
            elif steps_back and flees(scene, units, avail[e, i], i):
                out[e, i] = way_out(scene, units, avail[e, i], i)
            else:
                target = choose(scene, units, avail[e, i], i, targets[e, 0], pledged[e])
                out[e, i] = approach_or_fire(scene, units, avail[e, i], i, target)


@inlined
def action_on(scene: Scene, units: Units, i: int, j: int) -> int:
    """Agent i's action on unit j."""
    return scene.first_target + j - first_target_unit(scene, units[i])


@compiled
def come(scene: Scene, units: Units) -> bool:
    """Whether the enemies are on their way: some walk, and none has stopped to fight."""
    some_walk = False
    for j in range(scene.n_agents, units.size):
        unit = units[j]
        if unit.health > 0.0:
            if unit.velocity_x != 0.0 or unit.velocity_y != 0.0:
                some_walk = True
            elif unit.cooldown > 0.0 or unit.swing >= 0.0:
                return False
    return some_walk


@compiled
def weakest_in_reach(scene: Scene, units: Units, avail: Flags) -> int:
    """The enemy with the least health and shield that an agent may attack; NO_UNIT if none."""
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
    """Whether agent i is alive and has a weapon that hits units of j's kind."""
    kind, other_kind = scene.table[units[i].kind], scene.table[units[j].kind]
    return units[i].health > 0.0 and can_hit(kind, other_kind)


@compiled
def choose(
    scene: Scene,
    units: Units,
    avail: Flags,
    i: int,
    shared: int,
    pledged: Floats,
) -> int:
    """Whom agent i turns to: the shared target, the weakest that still needs a shot, the nearest.

    pledged: [N] damage that other agents will have done; agent i's is added.
    """
    kind = scene.table[units[i].kind]
    if heals(scene, units[i]) or kind.weapon_range < MELEE_RANGE:
        return nearest_legal(scene, units, avail, i)
    target, least = NO_UNIT, FAR
    for j in range(scene.n_agents, units.size):
        left = units[j].health + units[j].shield - pledged[j]
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
        pledged[target] += kind.hits * attack_on(kind, scene.table[units[target].kind])
    return target


@compiled
def nearest_legal(scene: Scene, units: Units, avail: Flags, i: int) -> int:
    """The nearest target of agent i that it may aim at, else the nearest one; NO_UNIT if none."""
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
    """Aim at the target if that is legal, else walk towards it; stop where nothing of it is."""
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
