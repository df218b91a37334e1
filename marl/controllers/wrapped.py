"""What actors that change another one have in common."""

from __future__ import annotations

from marl.batch import Column
from marl.protocols.acting import Actor, Carry
from marl.protocols.loop import Progress


class WrappedActor:
    """Remembers and reports as the actor within does; subclasses say how it acts."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.columns: tuple[Column, ...] = actor.columns

    def initial_carry(self, batch: int) -> Carry:
        return self.actor.initial_carry(batch)

    def metrics(self, progress: Progress) -> dict[str, float]:
        return self.actor.metrics(progress)
