"""The colossus's weapon: two beams that run over a line across its target.

One beam runs forward, one in reverse, from point to point. Who is touched by a beam takes one hit
of it a little later; the target itself takes its hits when the beams have reached the end. A
colossus stands while its beams run, and with its death they end; hits that are under way land.
Source: the weapon's effects in the game data (SC2Mapster/SC2GameData @db03e82).
"""

from __future__ import annotations

import math

from marl.engine.combat.targeting import can_hit
from marl.engine.combat.vitals import hit
from marl.engine.compiled.jit import compiled, inlined
from marl.engine.field import Field
from marl.engine.world import Units, UnitType

# A unit remembers whose beams touched it as one bit for each caster of the other side. Two casters
# of one side that are 64 apart in the list share a bit; no side has so many.
CASTERS = 64
DUE_BITS = 8  # of the counter of a loop's hits


@inlined
def count_points(kind: UnitType) -> int:
    """How many points the line has."""
    return round(2.0 * kind.sweep_half_width / kind.sweep_step) + 1


@inlined
def duration(kind: UnitType) -> float:
    """Loops from the shot to the hits on the target itself."""
    return count_points(kind) * kind.sweep_point_period + kind.sweep_main_delay


@compiled
def begin_sweep(field: Field, units: Units, i: int, target: int) -> None:
    """Unit i's beams begin to run over the line through `target`, at a right angle to the shot."""
    unit, other = units[i], units[target]
    dx, dy = other.x - unit.x, other.y - unit.y
    gap = math.sqrt(dx * dx + dy * dy)
    if gap > 0.0:
        unit.beam_x, unit.beam_y = -dy / gap, dx / gap
    else:
        unit.beam_x, unit.beam_y = -unit.facing_y, unit.facing_x
    unit.missile_x, unit.missile_y = other.x, other.y
    unit.burst, unit.burst_target = duration(field.table[unit.kind]), target
    unmarked = ~(1 << (i % CASTERS))
    for j in range(units.size):
        if units[j].side != unit.side:
            units[j].beamed &= unmarked
            units[j].beamed_back &= unmarked


@compiled
def sweep_on(field: Field, units: Units, i: int) -> None:
    """One loop of unit i's beams."""
    unit = units[i]
    kind = field.table[unit.kind]
    n_points = count_points(kind)
    age = duration(kind) - unit.burst
    if field.choices[0].sweep_follows_target != 0:
        unit.missile_x = units[unit.burst_target].x
        unit.missile_y = units[unit.burst_target].y
    first = min(int(age / kind.sweep_point_period), n_points)
    last = min(int((age + 1.0) / kind.sweep_point_period), n_points)
    for point in range(first, last):
        touch(field, units, i, point * kind.sweep_step - kind.sweep_half_width)
    unit.burst -= 1.0
    if unit.burst <= 0.0:
        unit.burst = -1.0
        for _ in range(kind.hits):
            hit(field, units, i, unit.burst_target)


@compiled
def touch(field: Field, units: Units, i: int, offset: float) -> None:
    """The forward beam is `offset` from the middle of the line, the reverse one as far beyond it.

    Each opponent on the way is hit by each beam once; the target has hits of its own.
    """
    unit = units[i]
    kind = field.table[unit.kind]
    mark = 1 << (i % CASTERS)
    later = 1 << (DUE_BITS * int(kind.sweep_delay))
    counts_radius = field.choices[0].sweep_counts_radius != 0
    along_x, along_y = offset * unit.beam_x, offset * unit.beam_y
    for j in range(unit.foes_begin, unit.foes_end):
        other = units[j]
        if other.side == unit.side or other.health <= 0.0 or j == unit.burst_target:
            continue
        other_kind = field.table[other.kind]
        if not can_hit(kind, other_kind):
            continue
        reach = kind.sweep_point_radius + (other_kind.radius if counts_radius else 0.0)
        gap_x, gap_y = other.x - unit.missile_x, other.y - unit.missile_y
        if (other.beamed & mark) == 0 and is_within(gap_x - along_x, gap_y - along_y, reach):
            other.beamed |= mark
            other.beam_due += later
            other.beam_source = i
        if (other.beamed_back & mark) == 0 and is_within(gap_x + along_x, gap_y + along_y, reach):
            other.beamed_back |= mark
            other.beam_due += later
            other.beam_source = i


@inlined
def is_within(gap_x: float, gap_y: float, reach: float) -> bool:
    """Whether a gap is at most `reach` long."""
    return gap_x * gap_x + gap_y * gap_y <= reach * reach


@compiled
def land_beams(field: Field, units: Units) -> None:
    """The end of a loop: hits of beams whose time has come."""
    for i in range(units.size):
        unit = units[i]
        if unit.beam_due != 0:
            now = unit.beam_due & ((1 << DUE_BITS) - 1)
            unit.beam_due >>= DUE_BITS
            for _ in range(now):
                hit(field, units, unit.beam_source, i)
