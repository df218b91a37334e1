"""The game rules that no public source settles: each one is an option, our choice its default.

docs/fidelity.md gives the reasons for each, and how much battles depend on it, measured by
benchmarks/sensitivity.py.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

FARTHEST_MARGIN = 100.0  # of acquire_margin: more than any map is wide


@dataclass(frozen=True)
class Choices:
    """One claim for each uncertain rule of the game."""

    # Weapons
    reissue_resets_swing: bool = False  # the same attack, ordered again, begins its swing anew
    damage_point_extends_period: bool = False  # a swing begins only when the weapon is ready
    order_cuts_burst: bool = True  # another order cancels a zealot's second hit and a sweep
    missile_edge_to_edge: bool = True  # else it flies from centre to centre
    overflow_minimum: bool = True  # damage that passes a shield is at least the minimum
    sweep_counts_radius: bool = True  # a colossus's beam hits units whose edge it touches
    sweep_follows_target: bool = True  # else it runs where the target was when it was fired
    splash_counts_radius: bool = True  # a baneling hits units whose edge is within its radius
    # Targets
    target_kept: bool = True  # while in weapon range; else the nearest, again in each loop
    threats_first: bool = True  # enemies that can hit back come before nearer ones
    helpers_rerank: bool = False  # a call for help changes the target of a unit that has one
    answer_beyond_scan: bool = True  # a unit hit from afar goes for its attacker
    blocked_repick: bool = True  # a unit whose way is blocked looks for a target with a free way
    acquire_margin: float = 0.0  # added to weapon range where units look for targets
    enemy_medivac_follows: bool = True  # no faster than the army; else straight to the goal
    ally_medivac_autocast: bool = False  # the agents' medivacs heal by themselves too
    patient_shared: bool = False  # several medivacs may heal one unit at a time
    # Orders
    refused_order_stops: bool = False  # a unit that cannot obey stops; else it goes on as before
    # Movement
    idle_pushed: bool = True  # idle friends make way
    queue_behind_friends: bool = True  # that go the same way; else they walk round them
    wave_stops_on_touch: bool = True  # units stop when they touch a friend that has arrived
    flyers_drift: bool = True  # they brake as slowly as they speed up; else stop at once
    spawn_cluster: bool = False  # units of a point settle around it; else on a square lattice

    def __post_init__(self) -> None:
        if not 0.0 <= self.acquire_margin <= FARTHEST_MARGIN:
            raise ValueError(
                f"acquire_margin: must be within 0..{FARTHEST_MARGIN:g}, not {self.acquire_margin}"
            )

    def record(self) -> NDArray[np.record]:
        """The choices [1] as a record for the compiled rules, flags as 0 or 1."""
        values = [(item.name, getattr(self, item.name)) for item in fields(self)]
        dtype = [(n, np.int64 if isinstance(v, bool) else np.float64) for n, v in values]
        record: Any = np.zeros(1, dtype=np.dtype(dtype))
        for name, value in values:
            record[name] = value
        return record
