"""Warm-up: compiles the engine's functions that the server calls, so that no client waits for it.

The first time takes minutes, longer than clients wait for an answer; numba caches the result on
disk until the engine changes (marl.engine).
"""

from __future__ import annotations

from s2clientprotocol import raw_pb2

from marl.sc2api import orders
from marl.sc2api.battle import Battle, UnitRequest
from marl.sc2api.catalogue import ATTACK, HEAL, MOVE, NAMES, stock_ids
from marl.sc2api.maps import load_map


def compile_all() -> None:
    """Run a few loops of a battle that calls every compiled function once."""
    battle = Battle(load_map("MMM"), seed=1)
    kinds, tags = battle.units["kind"].tolist(), battle.tags.tolist()
    medivac, enemy = tags[kinds.index(NAMES.index("Medivac"))], tags[-1]
    command = raw_pb2.ActionRawUnitCommand
    for order in (
        command(ability_id=ATTACK, unit_tags=tags[:1], target_unit_tag=enemy),
        command(ability_id=MOVE, unit_tags=tags[:1], target_unit_tag=enemy),
        command(ability_id=HEAL, unit_tags=[medivac], target_unit_tag=tags[0]),
    ):
        orders.command(battle, order)
    battle.kill(enemy)
    kind = NAMES.index("Marine")
    battle.create([UnitRequest(kind, 0, 9.0, 16.0, stock_ids()[kind])])
    battle.step(2)
