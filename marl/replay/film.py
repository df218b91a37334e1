"""Film: the frames of one battle, and the recorder that makes it from the engine's units.

Frames are [T], units [N]. Numbers are stored as small integers (marl/replay/columns.py);
`Film.values` converts them to grid units and hit points. marl/replay/page.py and
`python -m marl.replay <file>` show a film.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl.engine.facts.scenario import Scenario
from marl.engine.smac.layout import SIGHT_RANGE
from marl.engine.world import NO_UNIT, PLANES, SWEEP, Units, UnitTypes
from marl.replay.channels import ChannelArrays, pack_channels, unpack_channels
from marl.replay.checks import check_arrays, check_facts, check_kinds, check_number, check_string
from marl.replay.columns import COLUMNS, padded, quantized, shots_between
from marl.replay.container import Arrays, ReplayError, pack, read_replay, unpack
from marl.untrusted.bounds import FRAME_BYTES, FRAMES

MAGIC = b"MARLFLM1"  # the last digit is the version
EXTENSION = ".battle"
BLOCK = 256  # frames that are quantized together

UNIT_BYTES = sum(np.dtype(column.dtype).itemsize for column in COLUMNS.values())  # in a frame

Fact = str | int | float | bool
Metadata = Mapping[str, Fact]


@dataclass(frozen=True)
class Kind:
    """The facts of a unit type that a viewer shows; grid units and hit points."""

    name: str
    radius: float
    health: float
    shield: float
    energy: float
    sight: float
    reach: float  # of its weapon or its healing, between edges; 0 = none
    flies: bool
    heals: bool
    sweep: float  # half the width of a sweep, 0 = none
    splash: float  # radius of its explosion, 0 = none


def kinds_of(names: Sequence[str], types: UnitTypes, own_sight: bool = False) -> tuple[Kind, ...]:
    """The kinds of the unit types `names`, in their order.

    own_sight: each type has its own sight range; else all have that of SMAC's client.
    """
    kinds = []
    for k, name in enumerate(names):
        row = types.table[k]
        heals = bool(row["heal_rate"] > 0)
        kinds.append(
            Kind(
                name=name,
                radius=float(row["radius"]),
                health=float(row["health"]),
                shield=float(row["shield"]),
                energy=float(row["energy_max"]),
                sight=float(row["sight"]) if own_sight else SIGHT_RANGE,
                reach=float(row["heal_range"] if heals else row["weapon_range"]),
                flies=bool(row["plane"] & (1 << PLANES.index("Air"))),
                heals=heals,
                sweep=float(row["sweep_half_width"]) if row["delivery"] == SWEEP else 0.0,
                splash=float(row["splash_radius"]),
            )
        )
    return tuple(kinds)


@dataclass(frozen=True)
class Film:
    """One battle. Equal films give equal files."""

    map_name: str
    seed: int
    step_mul: int  # game loops per environment step
    kinds: tuple[Kind, ...]
    kind: NDArray[np.uint8]  # [N] index into kinds
    side: NDArray[np.uint8]  # [N] 0 ally, 1 enemy
    terrain: NDArray[np.uint8]  # [H,W] marl.engine.ground.geometry's cells, from the south
    height: NDArray[np.uint8]  # [H,W] of the ground, eighths of a grid unit
    loops: NDArray[np.int32]  # [T] game loops since the battle began
    columns: Arrays  # [T,N] each, see COLUMNS
    outcome: dict[str, Fact] = field(default_factory=dict)
    facts: dict[str, Fact] = field(default_factory=dict)  # for people: player, time ...
    channels: ChannelArrays = field(default_factory=dict)  # [steps,...] each, by the learner

    def values(self, name: str) -> NDArray[np.float64]:
        """A column in its own unit, [T,N]."""
        return self.columns[name] / COLUMNS[name].scale

    def with_channels(self, channels: ChannelArrays) -> Film:
        """The same film with more channels."""
        return replace(self, channels={**self.channels, **channels})

    def to_bytes(self) -> bytes:
        """The file's content."""
        levels, stored = pack_channels(self.channels)
        header = {
            "map": self.map_name,
            "seed": str(self.seed),  # a JSON number loses digits beyond 2^53 in a browser
            "step_mul": self.step_mul,
            "kinds": [asdict(kind) for kind in self.kinds],
            "scales": {name: column.scale for name, column in COLUMNS.items()},
            "outcome": self.outcome,
            "facts": self.facts,
            "channels": levels,
        }
        fixed = {name: getattr(self, name) for name in _FIXED}
        return pack(MAGIC, header, {**fixed, **self.columns, **stored})

    @staticmethod
    def from_bytes(data: bytes, what: str = "film") -> Film:
        """A film from a file's content, all checked. what: its name in error messages."""
        header, arrays = unpack(MAGIC, data, what)
        try:
            return _parse(header, arrays)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ReplayError(f"{what}: {error}") from None

    def save(self, path: Path) -> None:
        """Write the file."""
        path.write_bytes(self.to_bytes())

    @staticmethod
    def load(path: Path) -> Film:
        """Read the file."""
        return Film.from_bytes(read_replay(path), str(path))


_FIXED = ("kind", "side", "terrain", "height", "loops")


def _parse(header: dict[str, Any], arrays: Arrays) -> Film:
    """The film; ValueError, KeyError or TypeError if the header or an array is wrong."""
    kinds = tuple(Kind(**entry) for entry in check_kinds(header["kinds"], Kind))
    if header["scales"] != {name: column.scale for name, column in COLUMNS.items()}:
        raise ValueError("its columns have other scales")
    channels = unpack_channels(header["channels"], arrays)
    check_arrays(arrays, {name: column.dtype for name, column in COLUMNS.items()}, len(kinds))
    return Film(
        map_name=check_string(header["map"]),
        seed=check_number(int(check_string(header["seed"])), 0, 2**64 - 1),
        step_mul=check_number(header["step_mul"], 1, 1000),
        kinds=kinds,
        **{name: arrays[name] for name in _FIXED},
        columns={name: arrays[name] for name in COLUMNS},
        outcome=check_facts(header["outcome"]),
        facts=check_facts(header["facts"]),
        channels=channels,
    )


class Recorder:
    """Collects the frames of one battle.

    Units may join during the recording, at the end of the list; they count as dead before. An index
    keeps its type and side. Without any frame the film has no units.
    """

    def __init__(
        self,
        map_name: str,
        seed: int,
        kinds: tuple[Kind, ...],
        terrain: NDArray[np.uint8],
        height: NDArray[np.float64] | None = None,
        step_mul: int = 8,
        facts: Metadata | None = None,
    ) -> None:
        """terrain, height: [H,W], a Scenario's `walkable` and `height`."""
        eighths = np.zeros(terrain.shape) if height is None else height * 8.0
        self.map_name, self.seed, self.step_mul, self.kinds = map_name, seed, step_mul, kinds
        self.terrain = terrain.astype(np.uint8)
        self.height = np.clip(np.round(eighths), 0, 255).astype(np.uint8)
        self.facts = dict(facts or {})
        self.loops: list[int] = []
        self.stride = 1  # one of so many frames is kept
        self._offered = 0
        self._fresh: list[Units] = []  # frames since the last block
        self._last: Units | None = None  # the frame before the fresh ones
        self._blocks: list[Arrays] = []
        self._kind = np.zeros(0, dtype=np.uint8)
        self._side = np.zeros(0, dtype=np.uint8)

    @classmethod
    def of_scenario(
        cls,
        scenario: Scenario,
        types: UnitTypes,
        seed: int,
        step_mul: int = 8,
        own_sight: bool = False,
        facts: Metadata | None = None,
    ) -> Recorder:
        """A recorder of one battle of the scenario. types: those of scenario.unit_names."""
        kinds = kinds_of(scenario.unit_names, types, own_sight)
        ground = scenario.walkable, scenario.height
        return cls(scenario.name, seed, kinds, *ground, step_mul, facts)

    def frame(self, loop: int, units: Units) -> None:
        """Add a frame: the units [N], `loop` game loops after the battle's start."""
        self._offered += 1
        if (self._offered - 1) % self.stride:
            return
        if len(units) > len(self._kind):
            self._flush()
            self._kind = units["kind"].astype(np.uint8)
            self._side = units["side"].astype(np.uint8)
        self.loops.append(int(loop))
        self._fresh.append(units.copy())
        if len(self._fresh) >= BLOCK:
            self._flush()
        size = len(self.loops) * max(len(self._kind), 1) * UNIT_BYTES
        if len(self.loops) >= FRAMES or size >= FRAME_BYTES:  # a longer film keeps every other one
            self._thin()

    def finish(self, outcome: Metadata | None = None) -> Film:
        """The film so far; recording may go on."""
        self._flush()
        count = len(self._kind)
        empty = {name: np.zeros((0, count), f"<{column.dtype}") for name, column in COLUMNS.items()}
        blocks = [padded(block, count) for block in self._blocks] or [empty]
        return Film(
            map_name=self.map_name,
            seed=self.seed,
            step_mul=self.step_mul,
            kinds=self.kinds,
            kind=self._kind,
            side=self._side,
            terrain=self.terrain,
            height=self.height,
            loops=np.array(self.loops, dtype=np.int32),
            columns={name: np.concatenate([block[name] for block in blocks]) for name in COLUMNS},
            outcome=dict(outcome or {}),
            facts=dict(self.facts),
        )

    def _flush(self) -> None:
        """Quantize the frames since the last block."""
        if not self._fresh:
            return
        before = self._last
        units = np.stack(self._fresh)  # [T,N]
        loops = np.array(self.loops[-len(units) :])
        first = loops[0] if len(self.loops) == len(units) else self.loops[-len(units) - 1]
        if before is None or before.shape != units[0].shape:
            before = units[0]
        past = np.concatenate([before[None], units[:-1]])
        shots = shots_between(past, units, np.diff(loops, prepend=first))
        self._blocks.append(quantized(units, shots))
        self._last = units[-1].copy()
        self._fresh = []

    def _thin(self) -> None:
        """Drop every other frame; their shots move to the frame after."""
        film = self.finish()
        kept = {name: values[::2].copy() for name, values in film.columns.items()}
        missed = film.columns["shot"][1::2]
        later = kept["shot"][1:][: len(missed)]
        later[later == NO_UNIT] = missed[: len(later)][later == NO_UNIT]
        self._blocks, self.loops = [kept], self.loops[::2]
        self.stride *= 2
        self._offered = len(self.loops) * self.stride
