"""What becomes of the agents' actions on their way to the units.

SMACv2's agents turn their view by actions that give no order, and what they order may fail: by the
`attack` capability, or because action_mask=False let them choose a target out of reach. Its
`health` capability kills agents that are not dead yet. Source: oxwhirl/smacv2 @577ab5a,
starcraft2.py (get_agent_action, step, _kill_units_below_health_level).
"""

from __future__ import annotations

from marl.engine.combat.orders import ACTION_NO_OP, give_agent_orders
from marl.engine.combat.vitals import die
from marl.engine.compiled.jit import compiled
from marl.engine.rng import State, uniform
from marl.engine.smac import visibility as sight
from marl.engine.smac.layout import Facts, Senses
from marl.engine.smac.observation import turn_view
from marl.engine.smac.visibility import Memory
from marl.engine.world import NO_UNIT, Field, Ints, Units


@compiled
def command(
    field: Field,
    senses: Senses,
    facts: Facts,
    memory: Memory,
    units: Units,
    state: State,
    actions: Ints,
    trusted: bool,
    sent: Ints,
) -> None:
    """Turn views and order the living agents. actions: [A]; sent: [A], room for what is sent.

    trusted: the client's own scripted agents order past everything that may fail.
    """
    for a in range(senses.n_agents):
        is_order = facts.health[a] > 0 and not turn_view(senses, facts, a, actions[a])
        goes_through = is_order and (
            trusted or is_sent(senses, facts, memory, state, a, actions[a])
        )
        sent[a] = actions[a] if goes_through else ACTION_NO_OP
    first = senses.first_target
    give_agent_orders(field, units, senses.n_agents, sent, senses.move_amount, first)


@compiled
def is_sent(
    senses: Senses, facts: Facts, memory: Memory, state: State, a: int, action: int
) -> bool:
    """Whether the client sends living agent a's action. Draws where the agent's attacks may fail.

    memory.distance: as the last observation left it.
    """
    if action < senses.first_target:
        return True
    chance = facts.attack_probability[a]
    if chance < 1.0 and uniform(state) > chance:
        return False
    if senses.masks_reach:
        return True
    target = sight.target_of(senses, facts, a, action - senses.first_target)
    return target != NO_UNIT and sight.reaches(senses, facts, memory.distance, a, target)


@compiled
def mark_weak(senses: Senses, facts: Facts, marked: Ints) -> None:
    """marked [A]: 1 for living agents whose health is below their level."""
    for a in range(senses.n_agents):
        share = facts.health[a] / senses.kinds[facts.kind[a]].health_max
        marked[a] = facts.health[a] > 0 and share < facts.health_level[a]


@compiled
def kill_marked(field: Field, units: Units, marked: Ints) -> None:
    """The marked agents die, if they still live. marked: [A]."""
    for a in range(marked.size):
        if marked[a] != 0 and units[a].health > 0.0:
            die(field, units, a)
