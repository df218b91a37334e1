"""Constant answers of a map: ResponseGameInfo and ResponseData."""

from __future__ import annotations

import numpy as np
from s2clientprotocol import common_pb2, data_pb2, raw_pb2, sc2api_pb2

from marl.engine.ground.geometry import OPEN
from marl.engine.smac.layout import HEIGHT_LOW, HEIGHT_SPAN
from marl.engine.world import ATTRIBUTES, LOOPS_PER_SECOND, PLANES
from marl.sc2api import catalogue
from marl.sc2api.catalogue import ABILITIES, AGENT_SUFFIX, NAMES, RACE_OF
from marl.sc2api.maps import Map


def game_info(
    ground: Map, path: str, setup: sc2api_pb2.RequestCreateGame, join: sc2api_pb2.RequestJoinGame
) -> sc2api_pb2.Response:
    """The map and the players."""
    answer = sc2api_pb2.Response()
    info = answer.game_info
    info.map_name, info.local_map_path = ground.name, path
    info.options.CopyFrom(join.options)
    for number, player in enumerate(setup.player_setup, start=1):
        entry = info.player_info.add(player_id=number, type=player.type)
        is_client = player.type == sc2api_pb2.Participant
        race = join.race if is_client else player.race
        entry.race_requested = race or common_pb2.Random
        if is_client:
            entry.race_actual = entry.race_requested
            entry.player_name = join.player_name
        else:
            entry.difficulty, entry.ai_build = player.difficulty, player.ai_build
    _write_ground(ground, info.start_raw)
    return answer


def _write_ground(ground: Map, raw: raw_pb2.StartRaw) -> None:
    """Write sizes and images, row by row from the south."""
    walkable, floor = ground.scenario.walkable, ground.scenario.height
    height, width = walkable.shape
    pathable = np.packbits(walkable == OPEN).tobytes()
    levels = np.clip(np.floor((floor - HEIGHT_LOW) / HEIGHT_SPAN * 255), 0, 255)
    raw.map_size.x, raw.map_size.y = width, height
    area = raw.playable_area
    area.p0.x, area.p0.y, area.p1.x, area.p1.y = 0, 0, width, height
    for name, bits, content in (
        ("pathing_grid", 1, pathable),
        ("placement_grid", 1, pathable),
        ("terrain_height", 8, levels.astype(np.uint8).tobytes()),
    ):
        image = getattr(raw, name)
        image.size.x, image.size.y = width, height
        image.bits_per_pixel, image.data = bits, content
    for group in ground.scenario.groups:
        if group.side == "enemy":
            raw.start_locations.add(x=group.at[0], y=group.at[1])
            break


def data(ground: Map, request: sc2api_pb2.RequestData) -> sc2api_pb2.Response:
    """The requested tables. Unit ids are consecutive from 0, the agents' own types last."""
    answer = sc2api_pb2.Response()
    answer.data.SetInParent()
    if request.ability_id:
        answer.data.abilities.extend(_abilities())
    if request.unit_type_id:
        answer.data.units.extend(_units(ground))
    return answer


def _abilities() -> list[data_pb2.AbilityData]:
    return [
        data_pb2.AbilityData(
            ability_id=number,
            link_name=name.partition(" ")[0],
            friendly_name=name,
            button_name=name.rpartition(" ")[2],
            target=target.value,
            remaps_to_ability_id=general,
            available=True,
            allow_minimap=target is catalogue.Target.POINT_OR_UNIT,
        )
        for number, (name, target, _, general) in ABILITIES.items()
    ]


def _units(ground: Map) -> list[data_pb2.UnitTypeData]:
    stock = dict(zip(catalogue.stock_ids(), range(len(NAMES)), strict=True))
    table = []
    for number in range(catalogue.STOCK_TYPES):
        if number in stock:
            table.append(_unit(number, stock[number], NAMES[stock[number]]))
        else:
            table.append(data_pb2.UnitTypeData(unit_id=number, available=False))
    for kind, number in ground.ids.by_agent_kind.items():
        table.append(_unit(number, kind, NAMES[kind] + AGENT_SUFFIX))
    return table


def _unit(number: int, kind: int, name: str) -> data_pb2.UnitTypeData:
    row = catalogue.unit_types().table[kind]
    unit = data_pb2.UnitTypeData(
        unit_id=number,
        name=name,
        available=True,
        race=RACE_OF[NAMES[kind]],
        sight_range=float(row["sight"]),
        movement_speed=float(row["speed"]) * LOOPS_PER_SECOND,
        armor=float(row["armor"]),
    )
    numbers = [data_pb2.Attribute.Value(attribute) for attribute in ATTRIBUTES]
    unit.attributes.extend(n for k, n in enumerate(numbers) if row["attributes"] & (1 << k))
    if row["targets"]:
        unit.weapons.append(_weapon(row, numbers))
    return unit


def _weapon(row: np.record, attributes: list[int]) -> data_pb2.Weapon:
    planes = [plane for k, plane in enumerate(PLANES) if row["targets"] & (1 << k)]
    target = data_pb2.Weapon.TargetType.Value(planes[0] if len(planes) == 1 else "Any")
    weapon = data_pb2.Weapon(
        type=target,
        damage=float(row["damage"]),
        attacks=int(row["hits"]),
        range=float(row["weapon_range"]),
        speed=float(row["period"]) / LOOPS_PER_SECOND,
    )
    for number, bonus in zip(attributes, row["bonus"], strict=True):
        if bonus:
            weapon.damage_bonus.add(attribute=number, bonus=float(bonus))
    return weapon
