"""No intrinsic reward: the bonus of a plain value learner."""

from __future__ import annotations

from torch import Tensor

from marl.batch import EpisodeBatch
from marl.protocols import Channels, Metrics, Progress, State


class NoBonus:
    """Adds nothing, learns nothing."""

    def prepare(self, batch: EpisodeBatch, progress: Progress) -> Metrics:
        return {}

    def bonus(self, batch: EpisodeBatch, bootstrap: Tensor) -> Tensor:
        """A 0-d zero, which broadcasts to the [B,T,G] of `bootstrap`."""
        return bootstrap.new_zeros(())

    def metrics(self) -> Metrics:
        return {}

    def explain(self, batch: EpisodeBatch, bootstrap: Tensor) -> Channels:
        return {}

    def state_dict(self) -> State:
        return {}

    def load_state_dict(self, state: State) -> None:
        if state:
            raise ValueError(f"no intrinsic reward here, yet the state holds {sorted(state)}")
