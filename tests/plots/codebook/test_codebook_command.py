"""`python run.py plot with kind=codebook run=...`: its files, its numbers, its refusals."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest

from marl import api
from marl.cli.main import main
from marl.run.policy import Policy

pytest.importorskip("matplotlib", reason="matplotlib is in the extra [plots]")
FIGURES = ("coverage", "codes", "values", "usage")
SIZE = 8
TINY = {
    "num_envs": 4,
    "test_episodes": 4,
    "log_interval": 40,
    "seed": 1,
    "tensorboard": False,
    "progress_bar": False,
}
LAGMA = {
    "bonus.codebook.size": SIZE,
    "bonus.start": 0,
    "bonus.warmup": 0,
    "bonus.update_interval": 1,
    "sampler.batch_size": 4,
}


def trained(folder: Path, env: str, t_max: int, config: str = "lagma", **settings: object) -> Path:
    """The folder of a short training."""
    settings = {**TINY, "t_max": t_max, "test_interval": t_max // 2, **settings}
    return api.train(api.plan(config, env, results_dir=str(folder), **settings)).folder


@pytest.fixture(scope="module")
def table_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LAGMA on the two-step game, which tells of no wins."""
    return trained(tmp_path_factory.mktemp("table"), "two_step", 200, **LAGMA)


@pytest.fixture(scope="module")
def drawn(table_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of its figures."""
    out = tmp_path_factory.mktemp("drawn")
    assert plot(table_run, out) == 0
    return out


def plot(folder: object, out: object, *words: str) -> int:
    settings = ["kind=codebook", f"run={folder}", f"out={out}", "battles=10", "updates=5", *words]
    return main(["plot", "with", *settings], lambda plan, options: None)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_same_run_gives_the_same_files_and_the_console_tells_of_them(
    table_run, drawn, tmp_path, capsys
):
    assert plot(table_run, tmp_path) == 0
    paths = sorted(drawn.iterdir())
    assert len(paths) == 14
    for path in paths:
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "lagma on two_step/qmix, seed 1, after 200 environment steps"
    assert told[1].startswith("10 battles of its policy (epsilon ")
    assert [line.split(",")[0] for line in told[2:5]] == [
        f"coverage {name}" for name in ("none", "all", "timestep")
    ]
    assert told[5].startswith("the run's own: ")
    assert told[5].endswith(f" of {SIZE} codes in effect")
    assert told[-1] == f"figures and numbers: {tmp_path}"


def test_figures_are_pictures_and_documents(drawn):
    for name in FIGURES:
        assert (drawn / f"codebook_{name}.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
        assert (drawn / f"codebook_{name}.pdf").read_bytes().startswith(b"%PDF-")


def test_numbers_are_those_of_the_battles(drawn):
    codes = rows(drawn / "codebook_codes.csv")
    assert len(codes) == SIZE
    assert sum(float(row["share"]) for row in codes) == pytest.approx(1.0, abs=1e-4)
    for row in codes:  # a code without returns has no value
        assert (row["code_value"] == "") == (row["returns_held"] == "0")
    states = rows(drawn / "codebook_coverage_states.csv")
    assert len(states) == 3 * 10 * 3  # coverages, battles, slots
    values = rows(drawn / "codebook_values.csv")
    assert [(row["battles"], row["slot"], row["going_on"]) for row in values] == [
        ("all", "0", "10"),
        ("all", "1", "10"),
    ]
    first, second = (float(row["return"]) for row in values)
    assert first == pytest.approx(0.99 * second, rel=1e-5)  # the first step pays nothing
    usage = {row["metric"] for row in rows(drawn / "codebook_usage.csv")}
    assert {"codebook_perplexity", "codebook_usage", "intrinsic_paid", "test_paid"} <= usage


@pytest.mark.slow
def test_won_and_lost_battles_are_apart_and_an_old_checkpoint_can_be_chosen(tmp_path, capsys):
    folder = trained(tmp_path / "runs", "sc2", 400, map="3m", save_interval=200, **LAGMA)
    assert plot(folder, tmp_path / "out") == 0
    assert " of them won; " in capsys.readouterr().out
    values = rows(tmp_path / "out" / "codebook_values.csv")
    assert {row["battles"] for row in values} <= {"won", "lost"}
    assert all(float(row["going_on"]) >= 1 for row in values)
    first, *_ = sorted((folder / "models").iterdir(), key=lambda path: int(path.name))
    assert plot(first, tmp_path / "first") == 0
    assert f"after {first.name} environment steps" in capsys.readouterr().out


def test_a_grid_of_codes_is_drawn_with_one_codebook_trained_alone(tmp_path, capsys):
    learnt = {name: value for name, value in LAGMA.items() if not name.endswith(".size")}
    grid = {"bonus.codebook.kind": "fsq", "bonus.codebook.levels": [3, 2]}
    folder = trained(tmp_path / "runs", "two_step", 200, **learnt, **grid)
    capsys.readouterr()
    assert plot(folder, tmp_path / "out") == 0
    told = capsys.readouterr().out.splitlines()
    assert told[2].startswith("coverage none, trained alone: ")
    assert told[3].startswith("the run's own: ")
    assert told[3].endswith(" of 6 codes in effect")
    assert len(list((tmp_path / "out").iterdir())) == 14
    codes = rows(tmp_path / "out" / "codebook_codes.csv")
    assert len({(row["x"], row["y"]) for row in codes}) == 6
    alone = rows(tmp_path / "out" / "codebook_coverage_codes.csv")
    assert [row["coverage"] for row in alone] == ["none"] * 6


def test_a_run_that_has_logged_nothing_has_no_figure_of_its_use(table_run, tmp_path, capsys):
    metrics = table_run / "metrics.jsonl"
    logged = metrics.read_text()
    try:
        metrics.unlink()
        assert plot(table_run, tmp_path) == 0
    finally:
        metrics.write_text(logged)
    assert "no figure of the use over training" in capsys.readouterr().out
    assert not (tmp_path / "codebook_usage.png").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["kind=codebook"], "run: say of which run; kind=codebook needs run=<run folder>"),
        (["kind=codebook", "run={run}", "runs=smoke"], "runs: belongs to kind=curves; this is"),
        (["kind=codebook", "run={run}", "metric=return_mean"], "metric: belongs to kind=curves"),
        (["runs=smoke", "run={run}"], "run: belongs to kind=codebook; this is kind=curves"),
        (["kind=codebok", "run={run}"], "kind: 'codebok' is not one of ['curves', 'codebook']"),
        (["kind=codebook", "run=nowhere"], "run: nowhere does not exist"),
        (["kind=codebook", "run={tmp}"], "is not the folder of a run"),
        (["kind=codebook", "run={run}", "updates=0"], "updates: 0 is too small"),
        (["kind=codebook", "run={run}", "battles=0"], "battles: 0 is too small"),
        (["kind=codebook", "run={run}", "out=/dev/null/x"], "out: cannot make /dev/null/x"),
        (["kind=codebook", "run={run}", "colour=red"], "colour: unknown key"),
    ],
)
def test_a_mistake_is_one_line_and_code_2(table_run, tmp_path, capsys, words, said):
    words = [word.format(run=table_run, tmp=tmp_path) for word in words]
    assert main(["plot", "with", *words], lambda plan, options: None) == 2
    out, err = capsys.readouterr()
    assert said in err
    assert (out, err.count("\n")) == ("", 1)


@pytest.mark.parametrize(("config", "has"), [("qmix", "bonus.kind=none"), ("ippo", "no bonus")])
def test_another_algorithm_has_no_codebook(tmp_path, capsys, config, has):
    folder = trained(tmp_path / "runs", "two_step", 40, config)
    assert plot(folder, tmp_path / "out") == 2
    assert f"is a run of {config} with {has}, and kind=codebook draws" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_run_without_a_checkpoint_is_refused(tmp_path, capsys):
    folder = trained(tmp_path / "runs", "two_step", 40, **LAGMA)
    (folder / "models").rename(tmp_path / "gone")
    assert plot(folder, tmp_path / "out") == 2
    assert f"{folder} holds no checkpoint" in capsys.readouterr().err


def test_a_missing_matplotlib_names_the_extra(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "marl.plots.codebook.figures", raising=False)
    monkeypatch.delattr("marl.plots.codebook.figures", raising=False)
    assert plot(tmp_path, tmp_path / "out") == 2
    assert 'install -c constraints.txt -e ".[plots]"' in capsys.readouterr().err


def test_battles_are_closed_when_they_fail(table_run, tmp_path, monkeypatch):
    closed = []
    make_env = Policy.make_env

    def watched(self: Policy, num_envs: int = 1) -> object:
        env = make_env(self, num_envs)
        monkeypatch.setattr(env, "close", lambda: closed.append(True), raising=False)
        monkeypatch.setattr(env, "reset", None)
        return env

    monkeypatch.setattr(Policy, "make_env", watched)
    with pytest.raises(TypeError):
        plot(table_run, tmp_path)
    assert closed == [True]
