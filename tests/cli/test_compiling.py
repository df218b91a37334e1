"""What is being compiled is told, and only what takes a while."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numba
import pytest
from numba.core import event

from marl.cli import compiling
from marl.cli.arguments import split
from marl.cli.compiling import (
    Compilation,
    Show,
    Ticker,
    compile_engine,
    needs_compiling,
    watched,
)
from marl.cli.resolve import make_plan
from marl.errors import EnvError


def test_functions_are_named_within_those_that_call_them():
    @numba.njit
    def inner(x):
        return x + 1

    @numba.njit
    def outer(x):
        return inner(x) * 2

    seen = []

    class Noted(Compilation):
        def on_start(self, event):
            super().on_start(event)
            seen.append([name.rpartition(".")[2] for name in self.names])

    with event.install_listener(compiling.KIND, noted := Noted()):
        assert outer(2) == 6
        outer(3)  # compiled already
    assert seen == [["outer"], ["outer", "inner"]]
    assert noted.names == []


def test_a_slow_function_has_one_line_and_a_quick_one_none(capsys):
    show = Show()
    show.look([], 99.0)
    show.look(["a.quick"], 0.5)
    show.look(["a.slow", "b.part"], compiling.SECONDS)
    show.look(["a.slow", "b.other"], 30.0)
    assert capsys.readouterr().out == "compiling a.slow, once on a machine\n"


def test_on_a_terminal_the_seconds_and_the_part_are_told(capsys):
    ticker = Ticker("compiling it")
    ticker.start = time.monotonic() - 75.2
    ticker.look(["a.slow", "b.part"], 1.0)
    assert capsys.readouterr().err.endswith("compiling it: 75 s, now b.part")


@pytest.mark.parametrize(
    ("env", "name", "said"),
    [("sc2", "3M", "did you mean '3m'"), ("sc2v2", "terran_5_vs_x", "terran_5_vs_x")],
)
def test_a_wrong_map_is_refused_before_compilation_is_told(
    tmp_path, monkeypatch, capsys, env, name, said
):
    monkeypatch.setattr(compiling.config, "CACHE_DIR", str(tmp_path))
    words = ["--config=qmix", f"--env-config={env}", "with", f"map={name}"]
    with pytest.raises(EnvError, match=said):
        compile_engine(make_plan(split(words)))
    assert capsys.readouterr().err == ""


BUSY = """
import ctypes
from types import SimpleNamespace
from marl.cli.compiling import Compilation
event = SimpleNamespace(data={"dispatcher": SimpleNamespace(py_func=main)})
Compilation().on_start(event)
print("compiling", flush=True)
ctypes.PyDLL(None).sleep(60)  # Python's own handler runs after it, as after the compiler
"""


def test_ctrl_c_does_not_wait_for_the_compiler():
    code = f"def main(): ...\n{BUSY}"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"compiling\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == -signal.SIGINT


@pytest.mark.parametrize("handler", [signal.default_int_handler, signal.SIG_IGN, print])
def test_ctrl_c_is_what_it_was_after_the_compilation(handler):
    seen = []

    class Noted(Compilation):
        def on_start(self, event):
            super().on_start(event)
            seen.append(signal.getsignal(signal.SIGINT))

    @numba.njit
    def inner(x):
        return x + 1

    @numba.njit
    def outer(x):
        return inner(x) * 2

    before = signal.signal(signal.SIGINT, handler)
    try:
        with event.install_listener(compiling.KIND, Noted()):
            outer(2)
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)
    changed = signal.SIG_DFL if handler is signal.default_int_handler else handler
    assert seen == [changed, changed]


def test_nothing_is_listened_to_afterwards():
    looks = []
    show = SimpleNamespace(look=lambda names, seconds: looks.append(names))

    def interrupted():
        with watched(show):
            time.sleep(0.6)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert looks
    assert not any(isinstance(one, Compilation) for one in event._registered[compiling.KIND])


def test_the_engine_is_compiled_before_where_the_cache_lacks_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(compiling.config, "CACHE_DIR", str(tmp_path))
    words = ["--config=qmix", "--env-config=sc2", "with", "map=3m", "num_envs=64"]
    plan, shared = (make_plan(split([*words, *more])) for more in ([], ["env_threads=2"]))
    assert needs_compiling(plan)
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "step.step_all-1.nbi").write_text("")
    assert not needs_compiling(plan)
    assert needs_compiling(shared)  # its threads run other functions
    assert not needs_compiling(make_plan(split(["--config=qmix", "--env-config=matrix"])))
    assert not needs_compiling(make_plan(split([*words, "backend=game"])))
    compile_engine(plan)
    assert capsys.readouterr().err == ""
    compile_engine(shared)
    first, last = capsys.readouterr().err.splitlines()
    assert first == "compiling the battle engine, a few minutes, once on a machine"
    assert last.startswith("compiled the battle engine in ")
