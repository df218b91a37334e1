"""The client's observation of a battle: ResponseObservation."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from s2clientprotocol import raw_pb2, sc2api_pb2, score_pb2

from marl.engine.world import (
    NO_UNIT,
    ORDER_ATTACK,
    ORDER_ATTACK_MOVE,
    ORDER_HEAL,
    ORDER_MOVE,
    PLANES,
    Units,
)
from marl.sc2api import catalogue
from marl.sc2api.battle import Battle
from marl.sc2api.maps import Map

OWNERS = (1, 2)  # by side
ALLIANCES = (raw_pb2.Self, raw_pb2.Enemy)
VISIBLE = 2  # of map_state.visibility
FLIGHT = 3.75  # height of flyers above the ground, about the game's
ABILITY_OF = {
    ORDER_MOVE: catalogue.MOVE,
    ORDER_ATTACK: catalogue.ATTACK,
    ORDER_ATTACK_MOVE: catalogue.ATTACK,
    ORDER_HEAL: catalogue.HEAL,
}


def constant_part(ground: Map, scored: bool) -> bytes:
    """The bytes that begin every observation of a game: player, map, score."""
    answer = sc2api_pb2.Response()
    observation = answer.observation.observation
    observation.player_common.player_id = OWNERS[0]
    for name in ("minerals", "vespene", "food_cap", "food_used", "food_army", "food_workers"):
        setattr(observation.player_common, name, 0)
    for name in ("idle_worker_count", "army_count", "warp_gate_count", "larva_count"):
        setattr(observation.player_common, name, 0)
    height, width = ground.scenario.walkable.shape
    raw = observation.raw_data
    raw.player.camera.x, raw.player.camera.y = width / 2, height / 2
    for image, bits in ((raw.map_state.visibility, 8), (raw.map_state.creep, 1)):
        image.size.x, image.size.y, image.bits_per_pixel = width, height, bits
    raw.map_state.visibility.data = bytes([VISIBLE]) * (width * height)
    raw.map_state.creep.data = bytes(width * height // 8)
    if scored:
        observation.score.score_type = score_pb2.Score.Melee
        observation.score.score = 0
        observation.score.score_details.SetInParent()
    return answer.SerializeToString()


COLUMNS = ("x", "y", "health", "shield", "energy", "cooldown")
ORDER_COLUMNS = ("order", "order_target", "order_x", "order_y", "target")
OrderValues = tuple[int, int, float, float, int]  # of a unit, in the order of ORDER_COLUMNS


class ObservationWriter:
    """Writes the units of a battle into observations; caches the fields that never change."""

    def __init__(self, ground: Map) -> None:
        self._ground, self._types = ground.scenario.height, catalogue.unit_types()
        self._flies = self._types.plane == 1 << PLANES.index("Air")  # [K]
        self._kept: dict[int, tuple[raw_pb2.Unit, OrderValues | None]] = {}

    def write_units(self, battle: Battle, raw: raw_pb2.ObservationRaw) -> None:
        """Add all living units, in the battle's order."""
        alive = battle.alive()
        units = battle.units[alive]
        tags = battle.tags.tolist()
        angles = np.arctan2(units["facing_y"], units["facing_x"]) % (2.0 * math.pi)
        columns = zip(*(units[name].tolist() for name in COLUMNS), strict=True)
        orders = zip(*(units[name].tolist() for name in ORDER_COLUMNS), strict=True)
        computed = zip(self._heights(units).tolist(), angles.tolist(), strict=True)
        rows = zip(alive.tolist(), columns, computed, orders, strict=True)
        kept, self._kept = self._kept, {}
        for i, (x, y, health, shield, energy, cooldown), (z, angle), order in rows:
            unit, before = kept.get(tags[i]) or (self._new(battle, i), None)
            place = unit.pos
            place.x, place.y, place.z = x, y, z
            unit.facing, unit.health, unit.shield = angle, health, shield
            unit.energy, unit.weapon_cooldown = energy, cooldown
            if order != before:
                _write_order(unit, order, tags)
            self._kept[tags[i]] = unit, order
        raw.units.extend(unit for unit, _ in self._kept.values())

    def _new(self, battle: Battle, i: int) -> raw_pb2.Unit:
        """The constant fields of unit i."""
        kind, side = int(battle.units["kind"][i]), int(battle.units["side"][i])
        row = self._types.table[kind]
        return raw_pb2.Unit(
            display_type=raw_pb2.Visible,
            alliance=ALLIANCES[side],
            tag=int(battle.tags[i]),
            unit_type=int(battle.type_ids[i]),
            owner=OWNERS[side],
            radius=float(row["radius"]),
            build_progress=1.0,
            cloak=raw_pb2.NotCloaked,
            is_selected=False,
            is_on_screen=True,
            is_blip=False,
            is_powered=False,
            is_flying=bool(self._flies[kind]),
            is_burrowed=False,
            is_hallucination=False,
            health_max=float(row["health"]),
            shield_max=float(row["shield"]),
            energy_max=float(row["energy_max"]),
            attack_upgrade_level=0,
            armor_upgrade_level=0,
            shield_upgrade_level=0,
        )

    def _heights(self, units: Units) -> NDArray[np.float64]:
        """Heights of the units above level 0, [N]."""
        last_row, last_column = np.array(self._ground.shape) - 1
        rows = np.minimum(units["y"].astype(np.int64), last_row)
        columns = np.minimum(units["x"].astype(np.int64), last_column)
        return self._ground[rows, columns] + np.where(self._flies[units["kind"]], FLIGHT, 0.0)


def _write_order(unit: raw_pb2.Unit, order: OrderValues, tags: list[int]) -> None:
    """Write the unit's order and the unit that it fights. tags: [N]."""
    kind, order_target, x, y, target = order
    del unit.orders[:]
    if kind in ABILITY_OF:
        entry = unit.orders.add(ability_id=ABILITY_OF[kind])
        if order_target != NO_UNIT:
            entry.target_unit_tag = tags[order_target]
        else:
            entry.target_world_space_pos.x, entry.target_world_space_pos.y = x, y
    unit.engaged_target_tag = 0 if target == NO_UNIT else tags[target]
