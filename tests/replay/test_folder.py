"""run.py replay and save_replay=True: traces, pages, videos, the index; python -m marl.replay."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from replay.test_page import EVIL

from marl.__main__ import execute
from marl.cli.arguments import split
from marl.cli.main import main
from marl.cli.resolve import make_plan
from marl.errors import ConfigError
from marl.replay.__main__ import main as open_files
from marl.replay.folder import ReplayFolder, end_line
from marl.replay.trace import Trace, film_of

BATTLE = ["--config=lagma", "--env-config=sc2", "with", "map=3m"]
SMALL = [
    "t_max=80",
    "num_envs=2",
    "test_episodes=3",
    "test_interval=10000",
    "tensorboard=False",
    "progress_bar=False",
    "save_replay_buffer=False",
    "seed=3",
]


def run(*words: object) -> int:
    return main([str(word) for word in words], execute)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """The folder of a short run whose evaluations were recorded."""
    results = tmp_path_factory.mktemp("results")
    assert run(*BATTLE, *SMALL, "save_replay=True", f"results_dir={results}") == 0
    (folder,) = results.glob("*/*/*/*")
    return folder


def test_every_evaluation_of_a_training_is_traced(trained):
    tests = [
        json.loads(line)
        for line in (trained / "metrics.jsonl").read_text().splitlines()
        if "test_return_mean" in line
    ]
    kept = ReplayFolder(trained).battles()
    assert len(kept) == 3 * len(tests) == 6  # the first and the last test
    for test in tests:
        returns = [row["outcome"]["return"] for row in kept if row["t_env"] == test["t_env"]]
        assert sum(returns) / 3 == pytest.approx(test["test_return_mean"])
    pages = sorted(path.name for path in (trained / "replays").glob("0*.html"))
    assert pages == sorted(f"{test['t_env']:09d}-001.html" for test in tests)
    for path in (trained / "replays").glob("*.trace"):
        made = Trace.load(path)
        assert path.stat().st_size < 5000
        assert {"q", "code", "goal", "intrinsic", "cq"} <= set(made.channels)
        assert len(made.channels["code"]) == len(made.actions) + 1


def test_replay_plays_a_checkpoint_and_makes_pages(trained, capsys):
    assert run("replay", "with", f"checkpoint={trained}", "episodes=2", "video=gif") == 0
    printed = capsys.readouterr().out
    pages = [Path(word) for word in printed.split() if word.endswith("-001.html")]
    assert len(pages) == 1
    gif = pages[0].with_suffix(".gif")
    assert gif.read_bytes().startswith(b"GIF89a")
    assert str(gif) in printed.split()
    index = (trained / "replays" / "index.html").read_text()
    assert f'href="{pages[0].name}"' in index
    assert f'href="{gif.name}"' in index
    assert "lost" in index
    assert (trained / "replays" / "index.html").as_posix() in printed


def test_a_script_is_replayed_without_a_checkpoint(tmp_path):
    words = ["--config=kite", "--env-config=sc2", "with", "map=3m", "episodes=2", "seed=1"]
    assert run("replay", *words, f"results_dir={tmp_path}") == 0
    (folder,) = tmp_path.glob("*/*/*/*")
    assert len(list((folder / "replays").glob("*.html"))) == 3  # two battles and the index


def test_a_run_that_cannot_be_recorded_is_refused_before_it_starts(tmp_path, capsys):
    for words in (
        ["--config=qmix", "--env-config=matrix", "with", "save_replay=True"],
        ["replay", "--config=random", "--env-config=matrix", "with", "episodes=1"],
    ):
        assert run(*words, f"results_dir={tmp_path}") == 2
        assert "only battles on the engine" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_replay_needs_something_to_play():
    words = ["--config=kite", "--env-config=sc2", "with", "save_replay=True"]
    with pytest.raises(ConfigError, match="to watch a scripted player"):
        make_plan(split(["evaluate", *words]))
    with pytest.raises(ConfigError, match="checkpoint: replay needs one"):
        make_plan(split(["replay"]))
    with pytest.raises(ConfigError, match="checkpoint: replay needs one for --config=qmix"):
        make_plan(split(["replay", "--config=qmix", "--env-config=sc2"]))


def test_the_index_survives_half_a_line_and_hostile_names(tmp_path):
    folder = ReplayFolder(tmp_path)
    folder.path.mkdir()
    line = {"name": EVIL, "t_env": 5, "map": EVIL, "seed": "1", "facts": {"player": EVIL}}
    lines = json.dumps(line | {"outcome": {"battle_won": 1.0, "return": 2.0}})
    (folder.path / "battles.jsonl").write_text(f"{lines}\n{lines[:40]}")
    text = folder.write_index().read_text()
    assert EVIL not in text
    assert "1 of 1 won" in text


@pytest.mark.parametrize(
    "odd",
    [
        {"name": 5},
        {"name": "x" * 5000},
        {"name": ""},
        {"t_env": "5"},
        {"t_env": -1},
        {"facts": None},
        {"outcome": []},
        {"outcome": {"battle_won": {}}},
        {"outcome": {"steps": 10**400}},
    ],
)
def test_lines_that_are_no_battles_are_left_out_of_the_index(tmp_path, odd):
    folder = ReplayFolder(tmp_path)
    folder.path.mkdir()
    line = {"name": "a", "t_env": 5, "map": "3m", "facts": {}, "outcome": {}}
    lines = [json.dumps(one) for one in (line | {"name": "b"} | odd, line, [], 3, {})]
    (folder.path / "battles.jsonl").write_text("\n".join(lines))
    assert [battle["name"] for battle in folder.battles()] == ["a"]
    assert "after 5 steps: 1 battles" in folder.write_index().read_text()


def test_films_and_traces_from_elsewhere_get_pages(trained, tmp_path, capsys):
    source = next((trained / "replays").glob("*.trace"))
    trace, film = tmp_path / "a.trace", tmp_path / "b.battle"
    trace.write_bytes(source.read_bytes())
    film_of(Trace.load(source)).save(film)
    assert open_files([str(trace), str(film), "--mp4"]) == 0
    assert (tmp_path / "a.html").read_text().count("<canvas") == 2
    assert (tmp_path / "b.mp4").read_bytes()[4:8] == b"ftyp"
    film.write_bytes(film.read_bytes()[:-1])
    assert open_files([str(film)]) == 2
    assert "is cut off" in capsys.readouterr().err
    assert open_files([str(tmp_path / "none")]) == 2


def test_a_line_that_a_kill_cut_short_takes_no_other_with_it(tmp_path):
    path = tmp_path / "battles.jsonl"
    path.write_bytes(b'{"name": "a"}\n{"na')
    end_line(path)
    with open(path, "a") as file:
        file.write('{"name": "c"}\n')
    assert path.read_text().splitlines() == ['{"name": "a"}', '{"na', '{"name": "c"}']
    end_line(path)
    assert path.read_text().endswith("\n")
    assert not path.read_text().endswith("\n\n")
