"""Where a training stands, in numbers."""

from __future__ import annotations

from dataclasses import dataclass, fields

from marl.protocols.loop import State

MOST = 2**60


@dataclass
class Counters:
    """Where training stands; all of it is saved."""

    t_env: int = 0  # environment steps collected (offline: updates done)
    episode: int = 0  # episodes begun
    update: int = 0  # learner updates done
    next_test: int = 0  # t_env of the next evaluation ...
    next_log: int = 0
    next_save: int = 0

    def state_dict(self) -> State:
        return dict(vars(self))

    def load_state_dict(self, state: State) -> None:
        """ValueError where one is missing, or no count."""
        for item in fields(self):
            value = state.get(item.name)
            if type(value) is not int or not 0 <= value <= MOST:
                raise ValueError(f"{item.name} is {str(value)[:40]!r}")
            setattr(self, item.name, value)
