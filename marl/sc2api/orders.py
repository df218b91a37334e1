"""The engine's orders for a client's raw commands."""

from __future__ import annotations

import math

from s2clientprotocol import common_pb2, error_pb2, raw_pb2, sc2api_pb2

from marl.engine.combat import orders
from marl.engine.combat.targeting import can_hit
from marl.engine.world import NO_UNIT, ORDER_ATTACK_MOVE, ORDER_MOVE, ORDER_STOP
from marl.sc2api.battle import Battle
from marl.sc2api.catalogue import ABILITIES, OrderKind, Target
from marl.sc2api.places import intended

CLIENT_SIDE = 0
FARTHEST = 64.0  # of a target beyond the map's edges

Result = int  # error_pb2.ActionResult


def act(battle: Battle, action: sc2api_pb2.Action) -> Result:
    """Carry out one action. Chat and camera moves are accepted and ignored."""
    is_on_screen = action.HasField("action_feature_layer") or action.HasField("action_render")
    if is_on_screen or action.HasField("action_ui"):
        return error_pb2.NotSupported
    kind = action.action_raw.WhichOneof("action")
    if kind == "unit_command":
        return command(battle, action.action_raw.unit_command)
    return error_pb2.NotSupported if kind == "toggle_autocast" else error_pb2.Success


def command(battle: Battle, order: raw_pb2.ActionRawUnitCommand) -> Result:
    """Give one command to all its units; the last error, or success."""
    if order.ability_id not in ABILITIES or order.queue_command:
        return error_pb2.NotSupported
    if not order.unit_tags:
        return error_pb2.Error
    result: Result = error_pb2.Success
    for tag in order.unit_tags:
        one = _command_one(battle, order, battle.index(tag))
        result = result if one == error_pb2.Success else one
    return result


def _command_one(battle: Battle, order: raw_pb2.ActionRawUnitCommand, i: int) -> Result:
    """Give the command to unit i."""
    units = battle.units
    if i == NO_UNIT or units["health"][i] <= 0.0:
        return error_pb2.Error
    if units["side"][i] != CLIENT_SIDE:
        return error_pb2.YouCantIssueCommandsToThatUnit
    _, target, order_kind, _ = ABILITIES[order.ability_id]
    aim = order.WhichOneof("target")
    if target is Target.NONE:
        return _give(battle, i, ORDER_STOP, float(units["x"][i]), float(units["y"][i]))
    if aim == "target_unit_tag":
        return _at_unit(battle, i, order_kind, battle.index(order.target_unit_tag))
    if aim == "target_world_space_pos" and target is Target.POINT_OR_UNIT:
        return _at_point(battle, i, order_kind, order.target_world_space_pos)
    return error_pb2.MustTargetUnit


def _at_point(battle: Battle, i: int, order_kind: OrderKind, point: common_pb2.Point2D) -> Result:
    """Order a move or an attack-move to a point."""
    unit = battle.units[i]
    height, width = battle.map.scenario.walkable.shape
    x, y = intended(float(unit["x"]), point.x), intended(float(unit["y"]), point.y)
    for at, side in ((x, width), (y, height)):
        if not math.isfinite(at) or not -FARTHEST <= at <= side + FARTHEST:
            return error_pb2.MustTargetWalkableLocation
    return _give(
        battle, i, ORDER_ATTACK_MOVE if order_kind is OrderKind.ATTACK else ORDER_MOVE, x, y
    )


def _at_unit(battle: Battle, i: int, order_kind: OrderKind, target: int) -> Result:
    """Order an attack on a unit, its healing, or a move to its place."""
    field, units = battle.map.field, battle.units
    if target == NO_UNIT:
        return error_pb2.MustTargetVisibleUnit
    is_friend = units["side"][target] == CLIENT_SIDE
    kind, other = (field.table[units["kind"][n]] for n in (i, target))
    if order_kind is OrderKind.SMART:
        heals = is_friend and kind["heal_rate"] > 0.0
        order_kind = OrderKind.HEAL if heals else OrderKind.MOVE if is_friend else OrderKind.ATTACK
    if order_kind is OrderKind.MOVE:
        x, y = float(units["x"][target]), float(units["y"][target])
        return _give(battle, i, ORDER_MOVE, x, y)
    if order_kind is OrderKind.HEAL:
        if not is_friend or kind["heal_rate"] <= 0.0:
            return error_pb2.RequiresHealTarget
        orders.order_heal(field, units, i, target)
        return error_pb2.Success
    if is_friend:
        return error_pb2.CantTargetFriendlyUnits
    orders.order_attack(field, units, i, target)
    return error_pb2.Success if can_hit(kind, other) else error_pb2.CantTargetThatUnit


def _give(battle: Battle, i: int, order: int, x: float, y: float) -> Result:
    orders.give(battle.map.field, battle.units, i, order, x, y, NO_UNIT)
    return error_pb2.Success
