"""What the client sees of a battle: ResponseObservation."""

from __future__ import annotations

import math

import numpy as np
from s2clientprotocol import raw_pb2, sc2api_pb2, score_pb2

from marl.engine.world import (
    NO_UNIT,
    ORDER_ATTACK,
    ORDER_ATTACK_MOVE,
    ORDER_HEAL,
    ORDER_MOVE,
    PLANES,
)
from marl.sc2api import catalogue
from marl.sc2api.battle import Battle
from marl.sc2api.maps import Map

OWNERS = (1, 2)  # by side
ALLIANCES = (raw_pb2.Self, raw_pb2.Enemy)
SEEN = 2  # of map_state.visibility: visible now
FLIGHT = 3.75  # above the ground; the game's flyers are about as high
ABILITY_OF = {
    ORDER_MOVE: catalogue.MOVE,
    ORDER_ATTACK: catalogue.ATTACK,
    ORDER_ATTACK_MOVE: catalogue.ATTACK,
    ORDER_HEAL: catalogue.HEAL,
}


def background(ground: Map, scored: bool) -> bytes:
    """The part of every observation that stays the same, to be put before the rest's bytes."""
    answer = sc2api_pb2.Response()
    seen = answer.observation.observation
    seen.player_common.player_id = OWNERS[0]
    for name in ("minerals", "vespene", "food_cap", "food_used", "food_army", "food_workers"):
        setattr(seen.player_common, name, 0)
    for name in ("idle_worker_count", "army_count", "warp_gate_count", "larva_count"):
        setattr(seen.player_common, name, 0)
    height, width = ground.scenario.walkable.shape
    raw = seen.raw_data
    raw.player.camera.x, raw.player.camera.y = width / 2, height / 2
    for image, bits in ((raw.map_state.visibility, 8), (raw.map_state.creep, 1)):
        image.size.x, image.size.y, image.bits_per_pixel = width, height, bits
    raw.map_state.visibility.data = bytes([SEEN]) * (width * height)
    raw.map_state.creep.data = bytes(width * height // 8)
    if scored:
        seen.score.score_type = score_pb2.Score.Melee
        seen.score.score = 0
        seen.score.score_details.SetInParent()
    return answer.SerializeToString()


class Painter:
    """Writes the units of a battle into observations; keeps what does not change about them."""

    def __init__(self, ground: Map) -> None:
        self._map, self._types = ground, catalogue.unit_types()
        self._kept: dict[int, raw_pb2.Unit] = {}

    def paint(self, battle: Battle, raw: raw_pb2.ObservationRaw) -> None:
        """All living units, in the battle's order."""
        units, tags = battle.units, battle.tags
        alive = battle.alive()
        columns = [units[name][alive].tolist() for name in ("x", "y", "health", "shield")]
        rest = [units[name][alive].tolist() for name in ("energy", "cooldown", "order")]
        facing = np.arctan2(units["facing_y"][alive], units["facing_x"][alive])
        turns = (facing % (2.0 * math.pi)).tolist()
        facts = zip(alive.tolist(), tags[alive].tolist(), *columns, *rest, turns, strict=True)
        kept, messages = self._kept, []
        self._kept = {}
        for i, tag, x, y, health, shield, energy, cooldown, order, turn in facts:
            unit = kept.get(tag)
            unit = self._new(battle, i) if unit is None else unit
            unit.pos.x, unit.pos.y = x, y
            unit.pos.z = self._height(x, y, unit.is_flying)
            unit.facing, unit.health, unit.shield = turn, health, shield
            unit.energy, unit.weapon_cooldown = energy, cooldown
            _tell_order(battle, unit, i, order)
            self._kept[tag] = unit
            messages.append(unit)
        raw.units.extend(messages)

    def _new(self, battle: Battle, i: int) -> raw_pb2.Unit:
        """What stays the same about unit i."""
        kind, side = int(battle.units["kind"][i]), int(battle.units["side"][i])
        row = self._types.table[kind]
        return raw_pb2.Unit(
            display_type=raw_pb2.Visible,
            alliance=ALLIANCES[side],
            tag=int(battle.tags[i]),
            unit_type=int(battle.shown[i]),
            owner=OWNERS[side],
            radius=float(row["radius"]),
            build_progress=1.0,
            cloak=raw_pb2.NotCloaked,
            is_selected=False,
            is_on_screen=True,
            is_blip=False,
            is_powered=False,
            is_flying=bool(row["plane"] & (1 << PLANES.index("Air"))),
            is_burrowed=False,
            is_hallucination=False,
            health_max=float(row["health"]),
            shield_max=float(row["shield"]),
            energy_max=float(row["energy_max"]),
            attack_upgrade_level=0,
            armor_upgrade_level=0,
            shield_upgrade_level=0,
        )

    def _height(self, x: float, y: float, flies: bool) -> float:
        """Of a unit at (x, y)."""
        ground = self._map.scenario.height
        row, column = min(int(y), ground.shape[0] - 1), min(int(x), ground.shape[1] - 1)
        return float(ground[row, column]) + (FLIGHT if flies else 0.0)


def _tell_order(battle: Battle, unit: raw_pb2.Unit, i: int, order: int) -> None:
    """What the unit was told to do, and whom it fights."""
    del unit.orders[:]
    record = battle.units[i]
    if order in ABILITY_OF:
        told = unit.orders.add(ability_id=ABILITY_OF[order])
        if record["order_target"] != NO_UNIT:
            told.target_unit_tag = int(battle.tags[record["order_target"]])
        else:
            told.target_world_space_pos.x = float(record["order_x"])
            told.target_world_space_pos.y = float(record["order_y"])
    target = int(record["target"])
    unit.engaged_target_tag = int(battle.tags[target]) if target != NO_UNIT else 0
