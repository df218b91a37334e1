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

from marl.engine.compiled import atomics
from marl.engine.compiled.jit import compiled

Words = NDArray[np.int64]
Workers = list[tuple[Words, threading.Lock]]  # a worker's own words and its gate
MakeServe = Callable[[Words, Words], Callable[[], None]]

# Words of the control array, a cache line apart so that threads do not disturb each other.
LINE = 16
TICKET = 0 * LINE  # the number of the step
COUNT = 1 * LINE  # battles in it
NEXT = 2 * LINE  # the first battle that nobody has taken
DONE = 3 * LINE  # battles finished
STOP = 4 * LINE  # 1: the workers shall end
CONTROL_WORDS = 5 * LINE
# Words of a worker's own array.
ASLEEP = 0 * LINE  # 1: it waits at its gate
SEEN = 1 * LINE  # the last ticket that it knows
OWN_WORDS = 2 * LINE

PATIENCE = 300_000  # looks at the ticket before a worker sleeps: 0.1 to 0.3 ms


@compiled
def take(control: Words) -> int:
    """The battle that is now the caller's; COUNT or more: none is left."""
    return atomics.add(control, NEXT, 1)


@compiled
def finish(control: Words) -> None:
    """Say that a battle is done."""
    atomics.add(control, DONE, 1)


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
def await_step(control: Words, own: Words) -> bool:
    """Wait for a step that the worker does not know; whether one came. If not: sleep now."""
    seen = own[SEEN]
    for _ in range(PATIENCE):
        own[SEEN] = atomics.load(control, TICKET)
        if own[SEEN] != seen:
            return True
        if atomics.load(control, STOP) != 0:
            return False
    atomics.store(own, ASLEEP, 1)
    own[SEEN] = atomics.load(control, TICKET)
    if own[SEEN] != seen and atomics.exchange(own, ASLEEP, 0) == 1:
        return True  # a step began meanwhile, and nobody had opened the gate yet
    own[SEEN] = seen
    return False


class Team:
    """`size` threads, the caller's among them.

    make_serve(control, own): what a worker runs, compiled, without the GIL: it works on each step
    that it does not know until none comes (`await_step`).
    """

    def __init__(self, size: int, make_serve: MakeServe) -> None:
        self.control: Words = np.zeros(CONTROL_WORDS, dtype=np.int64)
        self.workers = [
            (np.zeros(OWN_WORDS, dtype=np.int64), threading.Lock()) for _ in range(size - 1)
        ]
        for own, gate in self.workers:
            gate.acquire()
            arguments = (self.control, gate, make_serve(self.control, own))
            threading.Thread(target=_work, args=arguments, daemon=True).start()
        self.close = weakref.finalize(self, _stop, self.control, self.workers)

    def wake(self) -> None:
        """Open the gates of the workers that sleep."""
        _open_gates(self.workers)


def _work(control: Words, gate: threading.Lock, serve: Callable[[], None]) -> None:
    while not control[STOP]:
        serve()
        if not control[STOP]:
            gate.acquire()


def _open_gates(workers: Workers) -> None:
    for own, gate in workers:
        # Whoever finds the flag set takes it down and opens the gate, so that it is opened once.
        if own[ASLEEP] and _take_flag(own, ASLEEP):
            gate.release()


@compiled
def _take_flag(own: Words, at: int) -> bool:
    """Whether words[at] was 1; it is 0 now."""
    return atomics.exchange(own, at, 0) == 1


def _stop(control: Words, workers: Workers) -> None:
    control[STOP] = 1
    _open_gates(workers)
