"""Threads that share out the battles of a step.

A step of many battles is over in less than a millisecond, which is about what it takes to wake a
sleeping thread. So a worker that finds nothing to do looks out for the next step for a while, and
only then goes to sleep. Who is free takes the next few battles: no thread waits for a slow share.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from marl.engine import atomics
from marl.engine.jit import compiled

Words = NDArray[np.int64]
Serve = Callable[[Words, int, int], int]

# Words of the control array, a cache line apart so that threads do not disturb each other.
LINE = 16
TICKET = 0 * LINE  # the number of the step
COUNT = 1 * LINE  # battles in it
NEXT = 2 * LINE  # the first battle that nobody has taken
DONE = 3 * LINE  # battles finished
STOP = 4 * LINE  # 1: the workers shall end
ASLEEP = 5 * LINE  # 1: the worker waits at its gate; one line a worker

CHUNK = 4  # battles taken at a time
PATIENCE = 20_000  # looks at the ticket before a worker sleeps: about 0.1 ms


@compiled
def take(control: Words) -> int:
    """The first of CHUNK battles that are now the caller's; COUNT or more: none is left."""
    return atomics.add(control, NEXT, CHUNK)


@compiled
def finish(control: Words, battles: int) -> None:
    """Say that so many battles are done."""
    atomics.add(control, DONE, battles)


@compiled
def open_step(control: Words, battles: int) -> None:
    """Offer `battles` battles; whatever they need to know stands ready."""
    atomics.store(control, COUNT, battles)
    atomics.store(control, DONE, 0)
    atomics.store(control, NEXT, 0)
    atomics.add(control, TICKET, 1)


@compiled
def wait_done(control: Words) -> None:
    """Wait until all battles of the step are done."""
    count = atomics.load(control, COUNT)
    while atomics.load(control, DONE) < count:
        pass


@compiled
def await_step(control: Words, worker: int, ticket: int) -> int:
    """The ticket of a step newer than `ticket`, or `ticket` itself: sleep now."""
    for _ in range(PATIENCE):
        now = atomics.load(control, TICKET)
        if now != ticket or atomics.load(control, STOP) != 0:
            return now
    asleep = ASLEEP + worker * LINE
    atomics.store(control, asleep, 1)
    now = atomics.load(control, TICKET)
    if now != ticket and atomics.exchange(control, asleep, 0) == 1:
        return now  # a step began meanwhile, and nobody had opened the gate yet
    return ticket


class Team:
    """`size` threads, the caller's among them.

    serve(control, worker, ticket): compiled, without the GIL; works on each step from the one after
    `ticket` on (`await_step`) until none comes, and gives the last ticket it knows.
    """

    def __init__(self, size: int, serve: Serve) -> None:
        self.control: Words = np.zeros(ASLEEP + size * LINE, dtype=np.int64)
        self.gates = [threading.Lock() for _ in range(size - 1)]
        for worker, gate in enumerate(self.gates):
            gate.acquire()
            arguments = (self.control, worker, gate, serve)
            threading.Thread(target=_work, args=arguments, daemon=True).start()
        self.close = weakref.finalize(self, _stop, self.control, self.gates)

    def wake(self) -> None:
        """Open the gates of the workers that sleep."""
        for worker, gate in enumerate(self.gates):
            if _take_flag(self.control, ASLEEP + worker * LINE):
                gate.release()


def _work(control: Words, worker: int, gate: threading.Lock, serve: Serve) -> None:
    ticket = 0
    while not control[STOP]:
        ticket = serve(control, worker, ticket)
        if not control[STOP]:
            gate.acquire()


@compiled
def _take_flag(control: Words, at: int) -> bool:
    """Whether words[at] was 1; it is 0 now."""
    return atomics.exchange(control, at, 0) == 1


def _stop(control: Words, gates: list[threading.Lock]) -> None:
    control[STOP] = 1
    for worker, gate in enumerate(gates):
        if _take_flag(control, ASLEEP + worker * LINE):
            gate.release()
