"""run.py replay with video=...: a policy in an environment that draws itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from marl.__main__ import execute
from marl.cli.main import main
from marl.envs.gymnasium import GymnasiumConfig
from marl.envs.probing import seeds_of
from marl.errors import EnvError
from marl.replay.pictures import Pictures
from marl.run.filming import Camera

SETTINGS = ["t_max=40", "test_interval=1000", "test_episodes=1", "tensorboard=False", "seed=1"]


def run(*words: object) -> int:
    return main([str(word) for word in words], execute)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    results = tmp_path_factory.mktemp("results")
    words = ["--config=dqn", "--env-config=gymnasium", "with", "time_limit=12", *SETTINGS]
    assert run(*words, f"results_dir={results}") == 0
    return next(path.parent for path in results.rglob("config.yaml"))


@pytest.mark.parametrize("video", ["gif", "mp4"])
def test_each_episode_becomes_a_video(trained: Path, video: str):
    assert run("replay", "with", f"checkpoint={trained}", "episodes=2", f"video={video}") == 0
    made = sorted((trained / "replays").glob(f"*.{video}"))
    assert [path.stem[-4:] for path in made] == ["-001", "-002"]
    assert all(path.stat().st_size > 500 for path in made)


def test_without_video_one_line_says_what_to_set(trained: Path, capsys):
    assert run("replay", "with", f"checkpoint={trained}", "episodes=1") != 0
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert "set video=gif or video=mp4" in lines[0]


def test_the_start_and_each_step_are_filmed(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(Pictures, "add", lambda self, pixels: seen.append(pixels.shape))
    env = GymnasiumConfig(time_limit=4).build_filmed()
    camera = Camera(env, tmp_path / "7", "gif")
    camera.reset(seeds_of(3))
    for action in (0, 1, 0, 1):
        camera.step(np.array([[action]]))
    env.close()
    assert camera.paths == [tmp_path / "7-001.gif"]
    assert seen == [(400, 600, 3)] * 5


def test_a_gif_goes_at_the_environments_pace(tmp_path):
    pictures = Pictures(tmp_path / "a.gif", per_second=50, at_most=5)  # twice too many for a GIF
    for level in range(5):
        pictures.add(np.full((7, 8, 3), 50 * level, np.uint8))
    pictures.save()
    with Image.open(pictures.path) as film:
        assert (film.n_frames, film.size) == (3, (8, 6))
        assert film.info["duration"] == 40  # milliseconds
        film.seek(2)
        assert film.convert("RGB").getpixel((0, 0))[0] == pytest.approx(200, abs=8)


def test_a_long_gif_leaves_pictures_out(tmp_path):
    assert Pictures(tmp_path / "a.gif", per_second=20, at_most=2400).every == 2
    assert Pictures(tmp_path / "a.mp4", per_second=50, at_most=2400).every == 1


def test_graphics_that_do_not_work_are_refused_in_one_line(monkeypatch):
    env = GymnasiumConfig().build_filmed()

    def broken():
        raise OSError("no\nlibrary")

    monkeypatch.setattr(env._envs[0], "render", broken)
    env.reset(seeds_of(1))
    with pytest.raises(EnvError, match=r"cannot draw here \(OSError: no library\).*MUJOCO_GL=egl"):
        env.picture()


def test_an_environment_without_pictures_is_refused_in_one_line():
    from tests.envs.goalkit import LINE

    with pytest.raises(EnvError, match=r"draws no pictures") as refusal:
        GymnasiumConfig(LINE).build_filmed()
    assert "\n" not in str(refusal.value)
