"""`python run.py plot`: its files, its table, its refusals."""

from __future__ import annotations

import csv
import re
import sys
from pathlib import Path

import pytest
from plots.builders import run_folder, summary

from marl.campaign.command import ReproduceConfig
from marl.campaign.suite import load_suite
from marl.cli.arguments import split
from marl.cli.main import main
from marl.cli.resolve import make_plan
from marl.config.files import ROOT
from marl.config.split import split_parse
from marl.plots.comparison import CurvesConfig
from marl.plots.figures import MAX_PAIRS
from marl.plots.style import KNOWN, looks

pytest.importorskip("matplotlib", reason="matplotlib is in the extra [plots]")
FIGURES = ("curves", "profiles", "improvement")


def plot(*words: object, **more: object) -> int:
    """The exit code of plot with `runs=words[0]` and further settings."""
    values = {"runs": words[0], "resamples": 100, **more}
    settings = [f"{key}={value}" for key, value in values.items()]
    return main(["plot", "with", *settings], lambda plan, options: None)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def sums(tmp_path: Path) -> Path:
    """Three seeds of two algorithms on two maps; qmix ends at 0.7 to 0.9, vdn at 0.3 to 0.5."""
    for map_name in ("3m", "8m"):
        for seed in (1, 2, 3):
            for label, best in (("qmix", 0.6), ("vdn", 0.2)):
                wins = (0.0, best / 2, round(best + seed / 10, 1))
                summary(tmp_path / "sums", label, map_name, seed, wins)
    return tmp_path / "sums"


def test_figures_and_numbers_are_written(sums, tmp_path, capsys):
    out = tmp_path / "out"
    assert plot(sums, out=out) == 0
    for name in FIGURES:
        assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
        assert (out / f"{name}.pdf").read_bytes().startswith(b"%PDF-")
    curves = rows(out / "curves.csv")
    (first, *_) = [row for row in curves if row["map"] == "3m (engine)" and row["line"] == "vdn"]
    assert (first["steps"], first["iqm"], first["low"], first["high"]) == ("0", "0", "0", "0")
    last = {
        row["line"]: row["iqm"]
        for row in curves
        if row["map"] == "2 maps together" and row["steps"] == "100"
    }
    assert last == {"qmix": "0.8", "vdn": "0.4"}  # .7 .8 .9 twice: the middle ones are .8
    assert {row["map"] for row in rows(out / "profiles.csv")} == {row["map"] for row in curves}
    duels = {row["map"]: row for row in rows(out / "improvement.csv")}
    assert duels["2 maps together"]["probability"] == "1"
    assert len(rows(out / "runs.csv")) == 12


def test_scores_are_those_of_the_runs(sums, tmp_path):
    plot(sums, out=tmp_path / "out")
    score = rows(tmp_path / "out" / "scores.csv")[0]
    assert (score["map"], score["line"], score["seeds"]) == ("3m (engine)", "qmix", "3")
    assert float(score["iqm"]) == pytest.approx(0.8)
    assert float(score["iqm_low"]) < 0.8 < float(score["iqm_high"])
    # seeds end at .7, .8, .9 over .3 at half the budget: areas .325, .35, .375
    assert float(score["integrated"]) == pytest.approx(0.35)
    assert (score["steps_to_50"], score["steps_to_50_seeds"]) == ("100", "3")
    assert (score["steps_to_80"], score["steps_to_80_seeds"]) == ("100", "2")
    assert (score["steps_to_90"], score["steps_to_90_seeds"]) == ("", "1")


def test_the_table_shows_iqm_interval_area_steps_and_seeds(sums, tmp_path, capsys):
    plot(sums, out=tmp_path / "out")
    out = capsys.readouterr().out
    (line,) = [one for one in out.splitlines() if "3m (engine)" in one]
    cells = [cell.strip() for cell in line.strip("│").split("│")]
    assert cells[1] == "qmix"
    assert re.fullmatch(r"0\.80 \(0\.7\d-0\.[89]\d\)", cells[2])
    assert re.fullmatch(r"0\.35 \(0\.3\d-0\.3\d\)", cells[3])
    assert cells[4:] == ["100 (2 of 3)", "3"]
    assert out.splitlines()[-1] == f"figures and numbers: {tmp_path / 'out'}"


def test_the_same_input_gives_the_same_files(sums, tmp_path):
    for name in ("one", "two"):
        plot(sums, out=tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_time_is_the_axis_if_asked(sums, tmp_path):
    plot(sums, out=tmp_path / "out", x="time")
    curves = rows(tmp_path / "out" / "curves.csv")
    assert {row["seconds"] for row in curves} == {"0", "30", "60"}
    assert rows(tmp_path / "out" / "scores.csv")[0]["seconds_to_50"] == "60"


def test_a_single_seed_has_no_interval_and_it_says_so(tmp_path, capsys):
    summary(tmp_path / "sums")
    assert plot(tmp_path / "sums", out=tmp_path / "out") == 0
    assert "3m (engine): no interval, one seed only: qmix" in capsys.readouterr().out
    assert {row["low"] for row in rows(tmp_path / "out" / "curves.csv")} == {""}
    assert rows(tmp_path / "out" / "improvement.csv") == []  # nothing to compare with


def test_run_folders_are_plotted_with_what_is_left_out(tmp_path, capsys):
    for seed in (1, 2):
        run_folder(tmp_path / "runs" / f"s{seed}", seed=seed)
        run_folder(tmp_path / "runs" / f"big-s{seed}", seed=seed, size=128)
    run_folder(tmp_path / "runs" / "half", wins=(0.0, 0.5), seed=3)
    assert plot(tmp_path / "runs", out=tmp_path / "out") == 0
    assert "unfinished, left out: " in capsys.readouterr().out
    lines = {row["line"]: row["seeds"] for row in rows(tmp_path / "out" / "scores.csv")}
    assert lines == {"lagma bonus.codebook.size=128": "2", "lagma bonus.codebook.size=64": "2"}
    assert plot(tmp_path / "runs", out=tmp_path / "out", unfinished="true") == 0
    said = capsys.readouterr().out
    assert "3m (engine): compared at 50 steps, where the first run ends" in said
    assert rows(tmp_path / "out" / "scores.csv")[1]["seeds"] == "3"


def test_runs_that_do_not_compare_are_refused_unless_told(tmp_path, capsys):
    run_folder(tmp_path / "runs" / "one")
    run_folder(tmp_path / "runs" / "two", backend="game", seed=2)
    assert plot(tmp_path / "runs", out=tmp_path / "out") == 2
    assert "runs with different backend are not comparable" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert plot(tmp_path / "runs", out=tmp_path / "out", mix="true") == 0
    assert "3m mixes runs of different backend: engine, game" in capsys.readouterr().out
    assert {row["map"] for row in rows(tmp_path / "out" / "scores.csv")} == {"3m (engine and game)"}


def test_returns_are_shown_where_there_is_nothing_to_win_and_not_averaged_over_maps(
    tmp_path, capsys
):
    for map_name in ("a", "b"):
        summary(tmp_path / "sums", "dqn", map_name, wins=None)
    assert plot(tmp_path / "sums", out=tmp_path / "out") == 0
    assert "no figure over all maps: returns of different maps" in capsys.readouterr().out
    scores = rows(tmp_path / "out" / "scores.csv")
    assert {(row["map"], row["metric"]) for row in scores} == {
        ("a (engine)", "return_mean"),
        ("b (engine)", "return_mean"),
    }


def test_all_maps_are_those_that_every_line_has(sums, tmp_path, capsys):
    summary(sums, "qmix", "2s3z")
    plot(sums, out=tmp_path / "out")
    said = "2 maps together: those that have runs of every line, 3m (engine), 8m (engine)"
    assert said in capsys.readouterr().out


def test_a_baseline_is_compared_with_all_others(sums, tmp_path, capsys):
    summary(sums, "iql", "3m")
    plot(sums, out=tmp_path / "out", baseline="vdn")
    duels = rows(tmp_path / "out" / "improvement.csv")
    assert {(row["first"], row["second"]) for row in duels} == {("iql", "vdn"), ("qmix", "vdn")}


def test_too_many_pairs_are_numbers_alone(tmp_path, capsys):
    count = 9
    assert count * (count - 1) // 2 > MAX_PAIRS
    for number in range(count):
        summary(tmp_path / "sums", f"size {number}")
    assert plot(tmp_path / "sums", out=tmp_path / "out") == 0
    assert "too many pairs for a figure" in capsys.readouterr().out
    assert not (tmp_path / "out" / "improvement.png").exists()
    assert len(rows(tmp_path / "out" / "improvement.csv")) == 36


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"metric": "battle_one_mean"}, "has no test of 'battle_one_mean'; did you mean"),
        ({"baseline": "qmx"}, "baseline: there is no line 'qmx'; did you mean 'qmix'?"),
        ({"x": "hours"}, "x: 'hours' is not one of ['steps', 'time']"),
        ({"resamples": 3}, "resamples: 3 is too small"),
        ({"last_tests": 0}, "last_tests: 0 is too small"),
        ({"out": "/dev/null/x"}, "out: cannot make /dev/null/x"),
        ({"colour": "red"}, "colour: unknown key"),
    ],
)
def test_a_mistake_is_one_line_and_code_2(sums, tmp_path, capsys, more, said):
    assert plot(sums, **{"out": tmp_path / "out", **more}) == 2
    out, err = capsys.readouterr()
    assert said in err
    assert (out, err.count("\n")) == ("", 1)


def test_a_missing_matplotlib_names_the_extra(sums, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "marl.plots.figures")
    monkeypatch.delattr("marl.plots.figures")
    assert plot(sums) == 2
    assert 'install -c constraints.txt -e ".[plots]"' in capsys.readouterr().err


def test_lines_are_told_apart_by_colour_and_dashes_and_known_ones_keep_theirs():
    many = looks([f"size {number}" for number in range(30)] + ["qmix"])
    assert len({(look.colour, look.dashes) for look in many.values()}) == 31
    assert looks(["qmix"])["qmix"] == looks([*KNOWN, "x"])["qmix"] == many["qmix"]


def test_the_example_of_the_readme_is_a_suite_and_two_commands(tmp_path):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (suite,) = re.findall(r"```yaml\n(# compare\.yaml.*?)```", text, re.S)
    path = tmp_path / "compare.yaml"
    path.write_text(suite)
    jobs = load_suite(str(path))
    assert len({job.label for job in jobs}) == 2
    assert {job.seed for job in jobs} == {1, 2, 3}
    for job in jobs:
        make_plan(split(job.words()))
    commands = re.findall(r"^python run\.py (.*compare\.yaml)$", text, re.M)
    parsed = [split(command.split()) for command in commands]
    assert [one.command for one in parsed] == ["reproduce", "plot"]
    for one, kind in zip(parsed, (ReproduceConfig, CurvesConfig), strict=True):
        split_parse(one.updates, {"config": kind})


def test_help_names_the_command(capsys):
    assert main(["--help"], lambda plan, options: None) == 0
    out = capsys.readouterr().out
    assert "plot with runs=smoke" in out
    assert "plot with kind=codebook run=" in out
