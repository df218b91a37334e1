"""The watch over a replay that grows, and a training that it stops in time."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from builders import SMALL

from marl.batch import layout_of
from marl.buffers import segments as segments_module
from marl.buffers.memory import Peak
from marl.buffers.rollout import RolloutBuffer
from marl.cli.arguments import split
from marl.cli.resolve import make_plan
from marl.errors import MemoryShortError
from marl.run import checkpoint
from marl.run import memory as memory_module
from marl.run.memory import LOOK_EVERY, MIB, SPARE, MemoryWatch
from marl.run.train import train
from marl.run.trainer import Trainer

GIB = 2**30


class Replay:
    """A buffer of rows of a step and a MiB each."""

    def __init__(self) -> None:
        self.steps = 0

    def __len__(self) -> int:
        return self.steps

    @property
    def nbytes(self) -> int:
        return self.steps * MIB

    def bytes_after(self, steps: int) -> int:
        return (self.steps + steps) * MIB

    def fitting(self, size: int) -> str:
        return f"rows={size // MIB}"


@pytest.fixture(autouse=True)
def _no_peaks(monkeypatch):
    monkeypatch.setattr(Peak, "above_now", lambda self: 0)


def watch(free: int, steps: int) -> tuple[Replay, MemoryWatch]:
    """A replay that holds so many steps on a machine that had `free` bytes for it and SPARE."""
    replay = Replay()
    replay.steps = steps
    return replay, MemoryWatch(replay, lambda: free + SPARE - replay.nbytes)


def ignore(line: str) -> None:
    pass


def never(*line: str) -> None:
    raise AssertionError("there is memory enough")


def stopped(watched: MemoryWatch, steps_left: int) -> str:
    """The line with which the training stops, once it is saved."""
    saved: list[bool] = []
    with pytest.raises(MemoryShortError) as error:
        watched.look(steps_left, ignore, lambda: saved.append(True))
    assert saved == [True]
    return str(error.value)


def test_a_replay_that_fits_is_left_alone():
    _, watched = watch(GIB, 100)
    said: list[str] = []
    watched.look(1024 - 100 - LOOK_EVERY // MIB, said.append, never)
    assert said == []


def test_one_that_will_not_fit_is_told_early_and_again_when_it_has_doubled():
    replay, watched = watch(GIB, 100)
    said: list[str] = []
    for steps in (100, 150, 200, 300, 400):
        replay.steps = steps
        watched.look(2048 - steps, said.append, never)
    assert len(said) == 3
    assert said[0] == (
        "note: memory: by the 100 steps so far the replay is to grow to 2.0 GiB, and there are "
        "1.0 GiB for it; when those are used up, training stops with a checkpoint; rows=1008 fits"
    )


def test_one_that_finds_no_room_any_more_is_stopped_with_the_sizes():
    replay, watched = watch(GIB, 1000)
    watched.look(1048, ignore, never)
    replay.steps = 1016
    assert stopped(watched, 1032) == (
        "memory: the replay holds 1,016 rows in 1.0 GiB and is to grow to 2.0 GiB, but 0.3 GiB "
        "are free; rows=1008 fits. All is saved: resume with that, or where there is more"
    )


def test_what_it_may_grow_by_until_the_next_look_is_kept_free():
    replay, watched = watch(GIB, 600)
    watched.look(0, ignore, never)
    replay.steps = 800  # 200 MiB at once
    watched.look(2000, ignore, never)
    replay.steps = 830
    assert "830 rows" in stopped(watched, 2000)


def test_what_other_work_takes_for_a_while_is_kept_free(monkeypatch):
    monkeypatch.setattr(Peak, "above_now", lambda self: 900 * MIB)
    _, watched = watch(GIB, 200)
    assert "rows=108 fits" in stopped(watched, 2000)


def test_a_full_replay_goes_on_however_little_is_free():
    _, watched = watch(GIB, 2000)
    watched.look(0, never, never)


def test_little_that_is_still_to_come_needs_little_to_be_free():
    replay = Replay()
    watched = MemoryWatch(replay, lambda: 120 * MIB)
    replay.steps = 30
    watched.look(50, never, never)
    assert "30 rows" in stopped(MemoryWatch(replay, lambda: 60 * MIB), 50)


def test_it_looks_when_the_replay_has_grown_and_not_before():
    asked = []
    replay = Replay()
    watched = MemoryWatch(replay, lambda: asked.append(replay.steps))
    for replay.steps in range(40):
        watched.look(10**9, ignore, never)
    assert asked == [0, 16, 32]


def test_a_buffer_that_is_emptied_is_not_watched():
    watched = MemoryWatch(RolloutBuffer(layout_of(SMALL)), lambda: 0)
    watched.look(10**9, never, never)


def plan(folder: Path, *words: str, config: str = "qmix"):
    argv = [f"--config={config}", "--env-config=two_step", "with", "seed=3", "test_episodes=2"]
    settings = ["progress_bar=False", "tensorboard=False", "sampler.batch_size=4"]
    return make_plan(split(["train", *argv, *settings, f"results_dir={folder}", *words]))


def resumed(folder: Path, *words: str) -> Trainer:
    return Trainer(make_plan(split(["train", "with", f"resume={folder}", *words])))


def test_a_training_without_memory_stops_saved_and_goes_on_exactly_or_with_less(
    tmp_path, monkeypatch, capsys
):
    straight = train(Trainer(plan(tmp_path / "a", "t_max=400")))
    for name in ("LOOK_EVERY", "SPARE"):
        monkeypatch.setattr(memory_module, name, 0)
    monkeypatch.setattr(segments_module, "SEGMENT_WORDS", 64)
    trainer = Trainer(plan(tmp_path / "b", "t_max=400"))
    trainer.memory.free = lambda: 8000 - trainer.agent.buffer.nbytes
    with pytest.raises(MemoryShortError) as stopped:
        train(trainer)
    line = str(stopped.value)
    assert re.match(r"memory: the replay holds \d+ rows in 0\.0 GiB and is to grow to", line)
    assert "note: memory: by the" in capsys.readouterr().out
    step = trainer.counters.t_env
    assert 0 < step < 400
    assert checkpoint.is_intact(trainer.folder / "models" / str(step))

    copy = shutil.copytree(trainer.folder, tmp_path / "c")

    again = resumed(copy, "t_max=400")
    train(again)
    parts = [checkpoint.load(run / "models" / "400") for run in (straight.folder, copy)]
    assert parts[0]["train"]["counters"] == parts[1]["train"]["counters"]
    networks = [part["learner"]["controller"] for part in parts]
    assert all(values.equal(networks[1][name]) for name, values in networks[0].items())

    (fits,) = re.findall(r"buffer\.episodes=\d+", line)
    smaller = resumed(trainer.folder, fits, "t_max=420")
    smaller.memory.free = lambda: 8000 - smaller.agent.buffer.nbytes
    assert train(smaller).t_env == 432
    assert f"{fits}, it was 5000: training goes on, but not as it would" in capsys.readouterr().out
    assert len(smaller.agent.buffer) == int(fits.split("=")[1])
