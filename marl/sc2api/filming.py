"""The film of the battle being fought, for save_replay."""

from __future__ import annotations

from marl.replay.film import Film, Recorder
from marl.sc2api.battle import Battle

SIDES = {"allies": 0, "enemies": 1}


class Filming:
    """Films the present battle and keeps the one before, whose end a client may want."""

    def __init__(self) -> None:
        self._scene = -1
        self._recorder: Recorder | None = None
        self._before: Film | None = None
        self._outcome: dict[str, bool | int] = {}
        self._is_over = False

    def shoot(self, battle: Battle) -> None:
        """One frame of the battle as it is; nothing while nobody lives since the last frame."""
        if battle.scene != self._scene:
            if self._recorder is not None and len(self._recorder.loops) > 1:
                self._before = self._recorder.finish(self._outcome)
            self._recorder = Recorder.of_scenario(
                battle.map.scenario, battle.types, int(battle.seed), facts=FACTS
            )
            self._scene = battle.scene
            self._is_over = False
        elif self._is_over:
            return
        assert self._recorder is not None
        self._recorder.frame(int(battle.clock[0]), battle.units)
        self._outcome = outcome(battle)
        self._is_over = not len(battle.alive())

    def film(self) -> Film:
        """The present battle, or the one before where nothing has happened yet."""
        assert self._recorder is not None
        if self._before is not None and len(self._recorder.loops) < 2:
            return self._before
        return self._recorder.finish(self._outcome)


FACTS = {"source": "sc2api"}


def outcome(battle: Battle) -> dict[str, bool | int]:
    """How the battle stands, named as in an episode's outcome."""
    living = {name: battle.living(side) for name, side in SIDES.items()}
    sides = battle.units["side"]
    return {
        "battle_won": living["allies"] > 0 and living["enemies"] == 0,
        "dead_allies": int((sides == 0).sum()) - living["allies"],
        "dead_enemies": int((sides == 1).sum()) - living["enemies"],
    }
