"""The colossus's weapon: two beams that sweep a line across its target.

One beam moves forward, one in reverse, from point to point. A unit touched by a beam takes one hit
a little later; the target itself takes its hits when the beams have reached the end. A colossus
stands while its beams move, and its death ends them; hits that are due by then still land.
Source: the weapon's effects in the game data (SC2Mapster/SC2GameData @db03e82).
"""

from __future__ import annotations

import math

from marl.compiled.jit import compiled, inlined
from marl.engine.combat.targeting import can_hit
from marl.engine.combat.vitals import hit
from marl.engine.field import Field
from marl.engine.world import Units, UnitType

# The colossi whose beams touched a unit are one bit each. Two of one side that are 64 apart in the
# list share a bit; no side has so many.
CASTERS = 64
DUE_BITS = 8  # of the counter of a loop's hits


@inlined
def count_points(kind: UnitType) -> int:
    """Points on the line."""
    return round(2.0 * kind.sweep_half_width / kind.sweep_step) + 1


@inlined
def duration(kind: UnitType) -> float:
    """Loops from the shot to the hits on the target itself."""
    return count_points(kind) * kind.sweep_point_period + kind.sweep_main_delay


@compiled
def begin_sweep(field: Field, units: Units, i: int, target: int) -> None:
    """Start unit i's sweep of the line through `target`, at a right angle to the shot."""
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
def continue_sweep(field: Field, units: Units, i: int) -> None:
    """One loop of unit i's sweep."""
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
        touch_units(field, units, i, point * kind.sweep_step - kind.sweep_half_width)
    unit.burst -= 1.0
    if unit.burst <= 0.0:
        unit.burst = -1.0
        for _ in range(kind.hits):
            hit(field, units, i, unit.burst_target)


@compiled
def touch_units(field: Field, units: Units, i: int, offset: float) -> None:
    """Mark the opponents at `offset` and -`offset` from the line's middle for hits to come.

    The forward beam is at `offset`, the reverse one at -`offset`. Each beam hits an opponent once;
    the target is not among them.
    """
    unit = units[i]
    kind = field.table[unit.kind]
    mark = 1 << (i % CASTERS)
    later = 1 << (DUE_BITS * int(kind.sweep_delay))
    counts_radius = field.choices[0].sweep_counts_radius != 0
    along_x, along_y = offset * unit.beam_x, offset * unit.beam_y
    for j in range(unit.opponents_begin, unit.opponents_end):
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
    """Whether the vector (gap_x, gap_y) is at most `reach` long."""
    return gap_x * gap_x + gap_y * gap_y <= reach * reach


@compiled
def apply_beam_hits(field: Field, units: Units) -> None:
    """Apply the beams' hits that are due, at the end of a loop."""
    for i in range(units.size):
        unit = units[i]
        if unit.beam_due != 0:
            now = unit.beam_due & ((1 << DUE_BITS) - 1)
            unit.beam_due >>= DUE_BITS
            for _ in range(now):
                hit(field, units, unit.beam_source, i)
