"""Whether a replay that grows will find the memory that it needs: said early, and seen in time."""

from __future__ import annotations

from collections.abc import Callable

from marl.buffers.memory import Peak, free_memory, in_gib
from marl.errors import MemoryShortError
from marl.protocols.experience import Buffer, Growing

MIB = 2**20
LOOK_EVERY = 16 * MIB  # of the replay's growth
SPARE = 256 * MIB  # to be left free, or what is still to come where that is less
SAY_AGAIN = 2.0  # times the rows of the last time


class MemoryWatch:
    """Looks at the memory each time that a replay has grown.

    What the replay may have is what is free, less what it may grow by until the next look, what
    other work takes for a while (the process's most so far above what it takes now), and `SPARE`.
    """

    def __init__(self, buffer: Buffer, free: Callable[[], int | None] = free_memory) -> None:
        """free: bytes that can still be taken, None where nobody knows."""
        self.buffer = buffer if isinstance(buffer, Growing) else None
        self.free = free
        self.peak: Peak | None = None  # of the process, since it was asked first
        self.seen = 0  # bytes of the replay, when it was asked last
        self.growth = LOOK_EVERY  # bytes, the most between two times
        self.next_look = 0  # bytes of the replay
        self.next_note = 0  # rows of the replay

    def look(self, steps_left: int, say: Callable[[str], None], save: Callable[[], None]) -> None:
        """MemoryShortError, after `save`, where the replay finds no memory to grow.

        steps_left: of the training. say: takes a line where the replay is to outgrow the memory.
        """
        buffer = self.buffer
        if buffer is None:
            return
        held = buffer.nbytes
        if self.peak is None:  # what was loaded is no growth, and loading it no peak of the work
            self.peak, self.seen = Peak(), held
        self.growth = max(self.growth, held - self.seen)
        self.seen = held
        if held < self.next_look:
            return
        self.next_look = held + LOOK_EVERY
        free, needed = self.free(), buffer.bytes_after(steps_left)
        if free is None:
            return
        more = max(0, needed - held)
        room = free - self.growth - self.peak.above_now() - min(SPARE, more)
        if more <= max(0, room):
            return
        there = max(0, held + room)
        fits = buffer.fitting(there) if there else "no replay"
        if room < 0:
            save()
            raise MemoryShortError(
                f"memory: the replay holds {len(buffer):,} rows in {in_gib(held)} and is to grow "
                f"to {in_gib(needed)}, but {in_gib(free)} are free; {fits} fits. All is saved: "
                "resume with that, or where there is more"
            )
        if len(buffer) >= self.next_note:
            self.next_note = max(1, int(SAY_AGAIN * len(buffer)))
            say(
                f"note: memory: by the {buffer.steps:,} steps so far the replay is to grow to "
                f"{in_gib(needed)}, and there are {in_gib(there)} for it; when those are used up, "
                f"training stops with a checkpoint; {fits} fits"
            )
