"""From the agents' actions to the units' orders.

SMACv2 has actions that turn an agent's view and give no order. An order may fail: by the `attack`
capability, or because action_mask=False allows targets out of range. The `health` capability kills
agents whose health is below their level. Source: oxwhirl/smacv2 @577ab5a,
starcraft2.py (get_agent_action, step, _kill_units_below_health_level).
"""

from __future__ import annotations

from marl.compiled.jit import compiled
from marl.engine.combat.orders import ACTION_NO_OP, give_agent_orders
from marl.engine.field import Field
from marl.engine.rng import Rng, uniform
from marl.engine.smac import visibility
from marl.engine.smac.layout import ClientLayout, ClientUnits
from marl.engine.smac.observation import turn_view
from marl.engine.smac.visibility import Memory
from marl.engine.world import NO_UNIT, Ints, Units


@compiled
def apply_actions(
    field: Field,
    layout: ClientLayout,
    client_units: ClientUnits,
    memory: Memory,
    units: Units,
    rng: Rng,
    actions: Ints,
    ignores_mask: bool,
    sent: Ints,
) -> None:
    """Turn the living agents' views and give their orders. actions: [A].

    sent: [A], written: the action that each agent's unit gets. ignores_mask: no order fails, as
    with the client's own scripted agents.
    """
    for a in range(layout.n_agents):
        is_order = client_units.health[a] > 0 and not turn_view(layout, client_units, a, actions[a])
        goes_through = is_order and (
            ignores_mask or is_sent(layout, client_units, memory, rng, a, actions[a])
        )
        sent[a] = actions[a] if goes_through else ACTION_NO_OP
    first = layout.first_target
    give_agent_orders(field, units, layout.n_agents, sent, layout.move_amount, first)


@compiled
def is_sent(
    layout: ClientLayout, client_units: ClientUnits, memory: Memory, rng: Rng, a: int, action: int
) -> bool:
    """Whether living agent a's action becomes an order. Draws where the agent's attacks may fail.

    memory.distance: of the last observation.
    """
    if action < layout.first_target:
        return True
    chance = client_units.attack_probability[a]
    if chance < 1.0 and uniform(rng) > chance:
        return False
    if layout.action_mask:
        return True
    target = visibility.target_of(layout, client_units, a, action - layout.first_target)
    return target != NO_UNIT and visibility.reaches(
        layout, client_units, memory.distance, a, target
    )


@compiled
def mark_weak(layout: ClientLayout, client_units: ClientUnits, marked: Ints) -> None:
    """Mark the living agents whose health is below their level. marked: [A], 0 or 1."""
    for a in range(layout.n_agents):
        share = client_units.health[a] / layout.kinds[client_units.kind[a]].health_max
        marked[a] = client_units.health[a] > 0 and share < client_units.health_level[a]
