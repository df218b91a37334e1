"""The console during a training and at its end."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from marl.log.console import (
    MAX_ROWS,
    ConsoleSink,
    evaluation_table,
    thinned,
    time_line,
)
from marl.log.intervals import wilson
from marl.log.summary import Summary
from marl.log.tensorboard import TENSORBOARD


@pytest.mark.parametrize(
    ("share", "count", "low", "high"),
    [
        (0.5, 10, 0.2366, 0.7634),  # Wilson 1927 by hand: 0.5 -+ 0.2634
        (1.0, 32, 0.8928, 1.0),  # 32 / (32 + 3.8415)
        (0.0, 32, 0.0, 0.1072),
    ],
)
def test_wilson_interval(share, count, low, high):
    assert wilson(share, count) == pytest.approx((low, high), abs=1e-4)


def test_without_a_terminal_tests_and_log_points_are_lines(capsys):
    console = ConsoleSink(t_max=1000)
    console.progress(100, {"return_mean": 1.5, "epsilon": 0.9})
    console.write({"return_mean": 1.5, "battle_won_mean": 0.25, "epsilon": 0.9}, 100)
    console.write({"test_battle_won_mean": 0.5}, 100)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("100/1,000  ")
    assert lines[0].endswith("win 0.25  return 1.50  epsilon 0.90")
    assert lines[1].endswith("test win 0.50")
    assert "return" not in lines[1]


def test_a_line_has_the_values_of_its_own_point(capsys):
    console = ConsoleSink(t_max=1000)
    console.write({"test_return_mean": 2.0}, 0)
    console.last_line = float("-inf")
    console.write({"loss": 0.25, "epsilon": 0.5}, 100)
    first, second = capsys.readouterr().out.splitlines()
    assert first == "0/1,000  test return 2.00"  # no speed yet, so none is shown
    assert second == "100/1,000  epsilon 0.50  loss 0.25"


def test_no_line_is_printed_twice(capsys):
    console = ConsoleSink(t_max=1000)
    for _ in range(2):
        console.write({"test_return_mean": 2.0}, 1000)
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_without_a_terminal_lines_of_training_are_not_a_flood(capsys):
    console = ConsoleSink(t_max=1000)
    for t_env in range(100):
        console.write({"loss": 1.0}, t_env)
    assert len(capsys.readouterr().out.splitlines()) == 1
    console.write({"loss": 1.0}, 1000)  # the last one
    assert capsys.readouterr().out.startswith("1,000/1,000  ")


def test_long_lines_are_not_broken(capsys):
    ConsoleSink(t_max=10).message("x" * 500)
    assert capsys.readouterr().out == "x" * 500 + "\n"


def test_games_without_battles_show_the_return_instead(capsys):
    ConsoleSink(t_max=10).write({"test_return_mean": 2.0}, 5)
    assert "test return 2.00" in capsys.readouterr().out


def test_the_time_left_follows_from_the_steps_a_second(monkeypatch):
    clock = iter([0.0, 10.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    console = ConsoleSink(t_max=3000, start=1000)
    console.progress(2000, {})  # 1000 steps in 10 s: 100 steps/s, and 1000 to go
    assert "2,000/3,000  100 steps/s  left 0:00:10" in console._line(2000, {})


def row(t_env: int) -> dict[str, float]:
    means = {"test_battle_won_mean": 0.5, "test_return_mean": 12.0, "test_ep_length_mean": 40.0}
    return {"t_env": t_env, "episodes": 10, **means}


def test_the_table_has_the_interval(capsys):
    evaluation_table([row(1000)], "sc2-engine/3m", "checkpoint", Path("models/1000"))
    out = capsys.readouterr().out
    assert "1,000" in out
    assert "0.500 (0.24-0.76)" in out
    assert "models/1000" in out


def test_the_table_has_the_outcomes_of_any_environment(capsys):
    rows = [{**row(1000), "test_apples_mean": 0.125}]
    evaluation_table(rows, "orchard/small", "checkpoint", Path("models/1000"))
    heading, line = (
        [cell.strip() for cell in text.split(mark)[1:-1]]
        for mark, text in zip("┃│", capsys.readouterr().out.splitlines()[2:5:2], strict=True)
    )
    assert heading == ["t_env", "win rate (95 %)", "return", "length", "apples", "episodes"]
    assert line == ["1,000", "0.500 (0.24-0.76)", "12.00", "40.0", "0.12", "10"]


def test_a_long_table_is_thinned_and_keeps_both_ends():
    rows = thinned([row(t_env) for t_env in range(200)])
    assert len(rows) == MAX_ROWS
    assert (rows[0]["t_env"], rows[-1]["t_env"]) == (0, 199)


def test_the_split_of_time_adds_up_to_the_whole():
    line = time_line({"env": 25.0, "learning": 50.0, "total": 100.0}, 123.4)
    assert line.endswith("0:01:40 at 123 steps/s: env 25 %, learning 50 %, other 25 %")


def test_the_summary_names_the_results_and_how_to_go_on(capsys):
    summary = SimpleNamespace(
        folder=Path("results/x"),
        t_env=500,
        evaluations=[row(500)],
        seconds={"env": 1.0, "total": 2.0},
        steps_per_second=250.0,
        stopped="interrupted",
    )
    ConsoleSink(t_max=1000).summary(summary)
    out = capsys.readouterr().out
    assert "python run.py with resume=results/x" in out
    assert "python run.py evaluate with checkpoint=results/x" in out
    assert "evaluations (interrupted)" in out


def test_tensorboard_is_named_where_there_are_events(tmp_path, capsys):
    for events in (False, True):
        if events:
            (tmp_path / TENSORBOARD).mkdir()
        ConsoleSink(t_max=1000).summary(Summary(tmp_path, 1000))
        assert ("TensorBoard  tensorboard --logdir" in capsys.readouterr().out) is events


def test_on_a_terminal_there_is_a_bar_that_goes_away():
    script = (
        "from marl.log.console import ConsoleSink\n"
        "console = ConsoleSink(t_max=1000)\n"
        "console.progress(500, {'return_mean': 1.5})\n"
        "console.write({'return_mean': 2.5}, 500)\n"
        "console.message('a message')\n"
        "console.close()\n"
        "console.message('the end')\n"
    )
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", script]
    subprocess.run(command, stdout=theirs, check=True, timeout=60, env=environment, cwd=root)
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert "500/1,000" in shown
    assert "a message" in shown
    assert shown.rstrip().endswith("the end")
