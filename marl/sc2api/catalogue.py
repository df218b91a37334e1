"""Ids of unit types and abilities in the game's API, and the engine's indices for them.

Sources: the game's stable ids as pysc2 4.0.0 and python-sc2 list them (units.py, ids/*.py);
oxwhirl/smac @d6aab33 and oxwhirl/smacv2 @577ab5a (starcraft2.py) for the agents' own types.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from functools import cache

from s2clientprotocol import common_pb2, data_pb2

from marl.engine.facts.units import load_unit_types, load_units
from marl.engine.world import UnitTypes

UNITS = load_units()
# All unit types of maps/units.yaml, alphabetically: the type indices of the server's battles.
NAMES = tuple(sorted(UNITS))
RACES = {"T": common_pb2.Terran, "P": common_pb2.Protoss, "Z": common_pb2.Zerg}
RACE_OF = {name: RACES[UNITS[name].race] for name in NAMES}
# The agents' types are copies of the stock ones. They come last, alphabetically: SMAC v2 counts the
# unit types of the data response and takes the last nine.
STOCK_TYPES = 200  # stock unit ids that the data response lists, 0 and on
AGENT_NAMES = tuple(name for name in NAMES if "Structure" not in UNITS[name].attributes)
AGENT_SUFFIX = "_RL"


class OrderKind(Enum):
    """The kind of order that an ability gives."""

    STOP = "stop"
    MOVE = "move"
    ATTACK = "attack"
    HEAL = "heal"
    SMART = "smart"  # a right click: attack an enemy, heal a friend, else walk


class Target(Enum):
    """The kind of target that an ability takes."""

    NONE = data_pb2.AbilityData.Target.Value("None")
    UNIT = data_pb2.AbilityData.Unit
    POINT_OR_UNIT = data_pb2.AbilityData.PointOrUnit


# id: (name, target, order, id of its general ability)
ABILITIES: dict[int, tuple[str, Target, OrderKind, int]] = {
    1: ("Smart", Target.POINT_OR_UNIT, OrderKind.SMART, 0),
    4: ("Stop Stop", Target.NONE, OrderKind.STOP, 3665),
    16: ("Move Move", Target.POINT_OR_UNIT, OrderKind.MOVE, 3794),
    18: ("Move HoldPosition", Target.NONE, OrderKind.STOP, 3793),
    19: ("Move ScanMove", Target.POINT_OR_UNIT, OrderKind.ATTACK, 3674),
    23: ("Attack Attack", Target.POINT_OR_UNIT, OrderKind.ATTACK, 3674),
    386: ("Effect Heal", Target.UNIT, OrderKind.HEAL, 0),
    3665: ("Stop", Target.NONE, OrderKind.STOP, 0),
    3674: ("Attack", Target.POINT_OR_UNIT, OrderKind.ATTACK, 0),
    3793: ("HoldPosition", Target.NONE, OrderKind.STOP, 0),
    3794: ("Move", Target.POINT_OR_UNIT, OrderKind.MOVE, 0),
}
STOP, MOVE, ATTACK, HEAL = 4, 16, 23, 386  # the abilities of orders in observations


@cache
def unit_types() -> UnitTypes:
    """The facts of all NAMES."""
    return load_unit_types(NAMES)


@cache
def stock_ids() -> tuple[int, ...]:
    """The game's ids of all NAMES."""
    return tuple(int(number) for number in unit_types().client_id)


class UnitIds:
    """The unit type ids of one map, and the engine's type index of each."""

    def __init__(self, agent_names: Iterable[str]) -> None:
        """agent_names: unit types of the agents on the map."""
        self.agent_names = tuple(sorted(agent_names))
        stock = stock_ids()
        kinds = [NAMES.index(name) for name in self.agent_names]
        self.by_agent_kind = {kind: STOCK_TYPES + n for n, kind in enumerate(kinds)}
        self.kind_of = {number: kind for kind, number in enumerate(stock)}
        self.kind_of |= {number: kind for kind, number in self.by_agent_kind.items()}

    def type_id(self, kind: int, side: int) -> int:
        """The id of a unit created by the map itself."""
        return self.by_agent_kind[kind] if side == 0 else stock_ids()[kind]
