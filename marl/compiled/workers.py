"""Worker threads that share the battles of a step.

A step of many battles takes less than a millisecond, about as long as waking a thread. So a worker
without work polls for the next step for a while before it sleeps. Each thread takes the next battle
when it has finished one, so no thread waits for another's fixed share.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from marl.compiled import atomics
from marl.compiled.jit import compiled

Words = NDArray[np.int64]
Workers = list[tuple[Words, threading.Lock]]  # a worker's own words, and the lock that it sleeps on
MakeServe = Callable[[Words, Words], Callable[[], None]]

# Words of the control array, a cache line apart so that threads do not disturb each other.
LINE = 16
TICKET = 0 * LINE  # the number of the step
COUNT = 1 * LINE  # battles in it
NEXT = 2 * LINE  # the first battle that no thread has taken
DONE = 3 * LINE  # battles finished
STOP = 4 * LINE  # 1: the workers end
CONTROL_WORDS = 5 * LINE
# Words of a worker's own array.
ASLEEP = 0 * LINE  # 1: it waits for its lock
SEEN = 1 * LINE  # the last ticket that it has read
OWN_WORDS = 2 * LINE

PATIENCE = 300_000  # reads of the ticket before a worker sleeps: 0.1 to 0.3 ms


@compiled
def take(control: Words) -> int:
    """Take the next battle; gives its number, COUNT or more if none is left."""
    return atomics.add(control, NEXT, 1)


@compiled
def finish(control: Words) -> None:
    """Count one battle as done."""
    atomics.add(control, DONE, 1)


@compiled
def open_step(control: Words, battles: int) -> None:
    """Offer `battles` battles to the workers; their actions are written already."""
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
    """Wait for a step after own[SEEN]; whether one came. If not, the worker must sleep now."""
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
        return True  # a step began meanwhile, and no thread has released the lock yet
    own[SEEN] = seen
    return False


class Team:
    """`size` threads, the caller's among them.

    make_serve(control, own): gives a worker's compiled function, which runs without the GIL, works
    on every new step, and returns when none comes for a while (`await_step`).
    """

    def __init__(self, size: int, make_serve: MakeServe) -> None:
        self.control: Words = np.zeros(CONTROL_WORDS, dtype=np.int64)
        self.workers = [
            (np.zeros(OWN_WORDS, dtype=np.int64), threading.Lock()) for _ in range(size - 1)
        ]
        for own, lock in self.workers:
            lock.acquire()
            arguments = (self.control, lock, make_serve(self.control, own))
            threading.Thread(target=_work, args=arguments, daemon=True).start()
        self.close = weakref.finalize(self, _stop, self.control, self.workers)

    def wake(self) -> None:
        """Wake the workers that sleep."""
        _wake(self.workers)


def _work(control: Words, lock: threading.Lock, serve: Callable[[], None]) -> None:
    while not control[STOP]:
        serve()
        if not control[STOP]:
            lock.acquire()


def _wake(workers: Workers) -> None:
    for own, lock in workers:
        # The thread that resets the flag releases the lock, so that it is released once.
        if own[ASLEEP] and _take_flag(own, ASLEEP):
            lock.release()


@compiled
def _take_flag(own: Words, at: int) -> bool:
    """Set own[at] to 0; whether it was 1."""
    return atomics.exchange(own, at, 0) == 1


def _stop(control: Words, workers: Workers) -> None:
    control[STOP] = 1
    _wake(workers)
