"""The film of the battle being fought, for save_replay."""

from __future__ import annotations

import numpy as np

from marl.engine.world import Units
from marl.replay.film import Film, Recorder
from marl.sc2api.battle import Battle

FACTS = {"source": "sc2api"}


class Filming:
    """Films the present battle and keeps the one before, whose end a client may want.

    A film begins anew when units join a battle, because its list of units is then another.
    """

    def __init__(self, battle: Battle) -> None:
        self._before: Film | None = None
        self._begin(battle)

    def shoot(self, battle: Battle) -> None:
        """One frame of the battle as it is; none while nobody lives since the last one."""
        if battle.scene != self._scene:
            if len(self._recorder.loops) > 1:
                self._before = self._recorder.finish(outcome(self._units))
            self._begin(battle)
        elif not self._is_over:
            self._record(battle)

    def film(self) -> Film:
        """The present battle, or the one before where nothing has happened yet."""
        if self._before is not None and len(self._recorder.loops) < 2:
            return self._before
        return self._recorder.finish(outcome(self._units))

    def _begin(self, battle: Battle) -> None:
        self._scene = battle.scene
        self._units = battle.units  # that change as the battle goes on
        self._recorder = Recorder.of_scenario(
            battle.map.scenario, battle.types, int(battle.seed), facts=FACTS
        )
        self._record(battle)

    def _record(self, battle: Battle) -> None:
        self._recorder.frame(int(battle.clock[0]), battle.units)
        self._is_over = not len(battle.alive())


def outcome(units: Units) -> dict[str, bool | int]:
    """How a battle of these units [N] stands, named as in an episode's outcome."""
    dead, ally = units["health"] <= 0.0, units["side"] == 0
    dead_allies, dead_enemies = (int(np.count_nonzero(dead & side)) for side in (ally, ~ally))
    return {
        "battle_won": bool(dead_allies < ally.sum() and dead_enemies == (~ally).sum() > 0),
        "dead_allies": dead_allies,
        "dead_enemies": dead_enemies,
    }
