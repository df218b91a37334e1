"""The film of the present battle, for save_replay."""

from __future__ import annotations

import numpy as np

from marl.engine.world import Units
from marl.replay.film import Film, Recorder
from marl.sc2api.battle import Battle

FACTS = {"source": "sc2api"}


class Filming:
    """Films the present battle and keeps the film of the one before, which a client may still save.

    When units join a battle a new film begins, because the list of units changes.
    """

    def __init__(self, battle: Battle) -> None:
        self._before: Film | None = None
        self._begin(battle)

    def record_frame(self, battle: Battle) -> None:
        """Add one frame of the battle; none once a frame without living units is there."""
        if battle.roster != self._roster:
            if len(self._recorder.loops) > 1:
                self._before = self._recorder.finish(outcome(self._units))
            self._begin(battle)
        elif not self._is_over:
            self._record(battle)

    def film(self) -> Film:
        """The film of the present battle, or of the one before if this one has a single frame."""
        if self._before is not None and len(self._recorder.loops) < 2:
            return self._before
        return self._recorder.finish(outcome(self._units))

    def _begin(self, battle: Battle) -> None:
        self._roster = battle.roster
        self._units = battle.units  # the array itself, which changes during the battle
        self._recorder = Recorder.of_scenario(
            battle.map.scenario, battle.types, int(battle.seed), facts=FACTS
        )
        self._record(battle)

    def _record(self, battle: Battle) -> None:
        self._recorder.frame(int(battle.clock[0]), battle.units)
        self._is_over = not len(battle.alive())


def outcome(units: Units) -> dict[str, bool | int]:
    """The outcome of a battle with these units [N] so far, named as in an episode's outcome."""
    dead, ally = units["health"] <= 0.0, units["side"] == 0
    dead_allies, dead_enemies = (int(np.count_nonzero(dead & side)) for side in (ally, ~ally))
    return {
        "battle_won": bool(dead_allies < ally.sum() and dead_enemies == (~ally).sum() > 0),
        "dead_allies": dead_allies,
        "dead_enemies": dead_enemies,
    }
