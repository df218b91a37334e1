"""How far code values can be trusted, by the returns that paid steps really had.

A step is paid where C_q exceeds Q. As Q gets better those become the states that are worth less
than others of their code, so that C_q is too high for them. The returns-to-go of the same steps in
the replay say by how much:

    share = sum(return - Q) / sum(C_q - Q)    over paid steps, older updates fading, within 0..1
"""

from __future__ import annotations

from torch import Tensor

from marl.protocols.loop import State

KEEP = 0.99  # of the sums, per update


class Calibration:
    """Running sums over paid steps of what code values promised and what was earned."""

    def __init__(self) -> None:
        self.promised = 0.0
        self.earned = 0.0

    def add(self, promised: Tensor, earned: Tensor) -> None:
        """One update. promised [B,T,G]: C_q - Q, 0 where nothing is paid; earned: return - Q."""
        paid = promised > 0.0
        self.promised = KEEP * self.promised + float(promised.sum())
        self.earned = KEEP * self.earned + float(earned[paid].sum())

    @property
    def share(self) -> float:
        """Weight of the bonus; 1 before anything was paid."""
        if self.promised <= 0.0:
            return 1.0
        return min(1.0, max(0.0, self.earned / self.promised))

    def state_dict(self) -> State:
        return {"promised": self.promised, "earned": self.earned}

    def load_state_dict(self, state: State) -> None:
        self.promised, self.earned = float(state["promised"]), float(state["earned"])
