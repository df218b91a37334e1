"""What numba compiles, told while it does: minutes on a machine's first run, else nothing."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numba import config
from numba.core import event

from marl.engine.battle import PARALLEL_FROM
from marl.envs.smac_options import ClientConfig
from marl.run.plan import Plan

KIND = "numba:compile"  # an event of numba's: not for what it loads from its cache
SECONDS = 2.0  # of one function, until it is worth a line
CLEAR = "\r\x1b[K"  # back to the start of a terminal's line, and empty it


class Compilation(event.Listener):
    """The functions that are being compiled, each within the one that calls it.

    Ctrl-C ends the process at once meanwhile: Python itself would wait for the compiler, minutes
    for some. Nothing is lost by it: numba writes what it has compiled whole or not at all. Where
    Ctrl-C is ignored, or somebody else's (a training's, which saves), it stays so.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.since = 0.0  # when the outermost one began
        self.is_ours = False  # whether Ctrl-C was changed for it

    def on_start(self, event: event.Event) -> None:
        function = event.data["dispatcher"].py_func
        if not self.names:
            self.since = time.monotonic()
            self.is_ours = is_interruptible()
            if self.is_ours:
                signal.signal(signal.SIGINT, signal.SIG_DFL)
        self.names.append(f"{function.__module__.rpartition('.')[2]}.{function.__name__}")

    def on_end(self, event: event.Event) -> None:
        self.names.pop()
        if not self.names and self.is_ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def is_interruptible() -> bool:
    """Whether Ctrl-C is Python's own KeyboardInterrupt, and this the thread that it comes to."""
    is_main = threading.current_thread() is threading.main_thread()
    return is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler


@contextmanager
def watched(show: Show) -> Iterator[None]:
    """Have all compilation within shown, four times a second."""
    compilation, ended = Compilation(), threading.Event()

    def look() -> None:
        while not ended.wait(0.25):
            show.look(list(compilation.names), time.monotonic() - compilation.since)

    thread = threading.Thread(target=look, daemon=True)
    event.register(KIND, compilation)
    thread.start()
    try:
        yield
    finally:
        event.unregister(KIND, compilation)
        ended.set()
        thread.join()


class Show:
    """Says what is compiled. This one: a line for each function that takes SECONDS."""

    def __init__(self) -> None:
        self.said = ""

    def look(self, names: list[str], seconds: float) -> None:
        """names: those being compiled, the outermost first; seconds: since that one began."""
        if names and seconds >= SECONDS and names[0] != self.said:
            self.said = names[0]
            print(f"compiling {names[0]}, once on a machine", flush=True)


class Ticker(Show):
    """On a terminal: the innermost function, and the seconds since all began."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.title = title
        self.start = time.monotonic()

    def look(self, names: list[str], seconds: float) -> None:
        passed = time.monotonic() - self.start
        what = f", now {names[-1]}" if names else ""
        print(f"{CLEAR}{self.title}: {passed:.0f} s{what}", end="", file=sys.stderr, flush=True)


@contextmanager
def told(plan: Plan) -> Iterator[None]:
    """Have the plan's engine compiled before, and whatever is compiled within shown."""
    compile_engine(plan)
    with watched(Show()):
        yield


def compile_engine(plan: Plan) -> None:
    """Compile the engine as the plan's battles need it, where that takes minutes, and say so.

    A map that is refused is refused before a word of it.
    """
    if not needs_compiling(plan):
        return
    assert isinstance(plan.env, ClientConfig)
    plan.env.check_map()
    title = "compiling the battle engine, a few minutes, once on a machine"
    start, on_terminal = time.monotonic(), sys.stderr.isatty()
    if not on_terminal:
        print(title, file=sys.stderr, flush=True)
    try:
        with watched(Ticker(title) if on_terminal else Show()):
            env = plan.env.build(min(plan.run.num_envs, PARALLEL_FROM), plan.run.env_threads)
            env.reset(np.zeros(1, dtype=np.uint64))
            env.close()
    finally:
        if on_terminal:
            print(CLEAR, end="", file=sys.stderr, flush=True)
    print(f"compiled the battle engine in {time.monotonic() - start:.0f} s", file=sys.stderr)


def needs_compiling(plan: Plan) -> bool:
    """Whether the plan's battles need an engine that is not in numba's cache on disk yet."""
    if not isinstance(plan.env, ClientConfig) or plan.env.backend != "engine":
        return False
    cache = Path(config.CACHE_DIR)  # type: ignore[attr-defined]
    shared = plan.run.env_threads > 1 and plan.run.num_envs >= PARALLEL_FROM
    step = "step.step_shared" if shared else "step.step_all"
    return not any(cache.rglob(f"{step}*.nbi"))
