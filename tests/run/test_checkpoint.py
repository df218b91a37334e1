"""Checkpoints are complete or absent; damaged ones are found before anything is loaded."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import pickle
import shutil

import numpy as np
import pytest
import torch

from marl.errors import CheckpointError
from marl.run import checkpoint
from marl.run.checkpoint import find, is_intact, list_steps, load, prune, save


class Harmful:
    """Unpickling it would run code."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("true",)


def parts(value: float = 1.0) -> dict[str, dict[str, object]]:
    learner = {"weight": torch.full((100,), value), "steps": [1, {"name": "x"}], "none": None}
    return {"learner": learner, "train": {"t_env": 7}, "replay": {"obs": torch.ones(50)}}


@pytest.fixture
def models(tmp_path):
    """models/ with checkpoints at 100 and 200."""
    for step in (100, 200):
        save(tmp_path / "models" / str(step), parts(step))
    return tmp_path / "models"


def test_saved_parts_are_loaded(models):
    loaded = load(models / "200")
    assert torch.equal(loaded["learner"]["weight"], torch.full((100,), 200.0))
    assert loaded["learner"]["steps"] == [1, {"name": "x"}]
    assert set(loaded) == {"learner", "train", "replay"}


def test_only_the_parts_asked_for_are_loaded(models):
    assert set(load(models / "200", only=("learner",))) == {"learner"}


def test_saving_again_replaces_the_checkpoint_whole(models):
    save(models / "200", {"learner": {"weight": torch.zeros(1)}})
    assert set(load(models / "200")) == {"learner"}
    assert sorted(path.name for path in models.iterdir()) == ["100", "200"]


def test_a_checkpoint_set_aside_by_a_killed_save_still_counts(models):
    (models / "200").rename(models / "200.old")
    assert find(models) == models / "200.old"
    assert load(find(models))["train"] == {"t_env": 7}


def test_the_rest_of_a_killed_save_is_not_a_checkpoint(models):
    shutil.copytree(models / "200", models / ".300.writing")
    assert list(list_steps(models)) == [100, 200]
    save(models / "300", parts())  # and does not get in the way
    assert is_intact(models / "300")


def fail_with(code: int):
    def failing(*arguments: object, **named: object) -> None:
        raise OSError(code, os.strerror(code))

    return failing


@pytest.mark.parametrize("broken", ["torch.save", "os.fsync"])
@pytest.mark.parametrize("step", [200, 300])
def test_a_full_disk_leaves_the_checkpoints_untouched(models, monkeypatch, broken, step):
    with monkeypatch.context() as patch:
        patch.setattr(broken, fail_with(errno.ENOSPC))
        with pytest.raises(CheckpointError, match="No space left on device; older ones are unt"):
            save(models / str(step), parts(3.0))
    assert sorted(path.name for path in models.iterdir()) == ["100", "200"]
    assert load(models / "200")["learner"]["weight"][0] == 200.0


def test_a_write_cut_off_half_way_says_the_disks_reason(models, monkeypatch):
    """torch turns a failed write into a RuntimeError of its own."""

    class Full:
        def __init__(self, file):
            self.file = file
            self.left = 300

        def write(self, data):
            self.left -= len(data)
            if self.left < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return self.file.write(data)

        def flush(self):
            self.file.flush()

    whole = checkpoint._HashingFile
    monkeypatch.setattr(checkpoint, "_HashingFile", lambda file: whole(Full(file)))
    with pytest.raises(CheckpointError, match="No space left on device"):
        save(models / "300", parts())
    assert sorted(path.name for path in models.iterdir()) == ["100", "200"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"table": np.zeros(2)}, r"learner\.bonus\.table is a numpy\.ndarray, which no checkpoint"),
        ({"counts": [1, np.float64(2.0)]}, r"learner\.bonus\.counts\.1 is a numpy\.float64"),
        ({"seen": {1, 2}}, r"learner\.bonus\.seen is a builtins\.set"),
        ({(1, 2): 3}, r"a key of learner\.bonus is a builtins\.tuple"),
        ({"function": lambda: 0}, r"learner\.bonus\.function is a builtins\.function"),
    ],
)
def test_what_could_not_be_read_again_is_not_written(models, value, said):
    with pytest.raises(CheckpointError, match=said):
        save(models / "300", {"learner": {"bonus": value}})
    assert sorted(path.name for path in models.iterdir()) == ["100", "200"]


def test_a_bug_is_not_called_a_full_disk(models, monkeypatch):
    def failing(*arguments: object) -> None:
        raise pickle.PicklingError

    monkeypatch.setattr("torch.save", failing)
    with pytest.raises(pickle.PicklingError):
        save(models / "300", parts())
    assert sorted(path.name for path in models.iterdir()) == ["100", "200"]


def cut(path):
    path.write_bytes(path.read_bytes()[:-10])


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    ("harm", "file", "said"),
    [
        (cut, "learner.pt", r"200/learner.pt is damaged: \d+ bytes instead of \d+"),
        (flip, "learner.pt", "200/learner.pt is damaged: its checksum differs"),
        (flip, "replay.pt", "200/replay.pt is damaged: its checksum differs"),
        (os.unlink, "train.pt", "200/train.pt is missing"),
        (cut, "manifest.json", "200/manifest.json is damaged"),
        (os.unlink, "manifest.json", "200/manifest.json is missing"),
    ],
)
def test_damage_is_found_and_the_newest_intact_one_named(models, harm, file, said):
    save(models / "50", parts())
    harm(models / "200" / file)
    with pytest.raises(CheckpointError, match=said) as caught:
        load(find(models))
    assert f"the newest intact one is {models / '100'} (load_step=100)" in str(caught.value)
    assert not is_intact(models / "200")


def test_with_every_checkpoint_damaged_it_says_so(models):
    for step in ("100", "200"):
        cut(models / step / "manifest.json")
    with pytest.raises(CheckpointError, match="no other intact one"):
        load(find(models))


def test_a_checkpoint_that_could_run_code_is_refused(models):
    torch.save(Harmful(), models / "200" / "learner.pt")
    manifest = json.loads((models / "200" / "manifest.json").read_text())
    data = (models / "200" / "learner.pt").read_bytes()
    manifest["parts"]["learner"] = {
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    (models / "200" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match="names 'posix system', which could run code"):
        load(models / "200")


@pytest.mark.parametrize(
    "manifest",
    [
        {"format": 2, "parts": "learner"},
        {"format": 2, "parts": []},
        {"format": 2, "parts": {"learner": {}}},
        {"format": 2, "parts": {"learner": {"bytes": "1", "sha256": ""}}},
        {"format": 2, "parts": {"../learner": {"bytes": 1, "sha256": ""}}},
        {"format": [], "parts": {}},
        {"format": True, "parts": {}},
        {},
        [],
        None,
        [[[[]]]],
    ],
)
def test_an_odd_manifest_is_one_line(models, manifest):
    (models / "200" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match=r"manifest\.json is damaged; the newest intact"):
        load(models / "200")
    assert not is_intact(models / "200")
    prune(models)
    assert (models / "100" / "replay.pt").exists()


def test_a_part_that_the_manifest_leaves_out_is_missed(models):
    (models / "200" / "manifest.json").write_text(json.dumps({"format": 2, "parts": {}}))
    assert load(models / "200") == {}
    with pytest.raises(CheckpointError, match=r"manifest\.json names no part 'train'"):
        load(models / "200", only=("train",))


def test_what_a_killed_save_left_goes_with_the_next(models):
    (models / ".150.writing").mkdir()
    (models / ".150.writing" / "learner.pt").write_bytes(b"half")
    save(models / "300", parts())
    assert sorted(path.name for path in models.iterdir()) == ["100", "200", "300"]


def test_a_format_of_the_future_is_refused(models):
    manifest = json.loads((models / "200" / "manifest.json").read_text())
    (models / "200" / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(CheckpointError, match="has format 99; this version reads format 2"):
        load(models / "200")


@pytest.mark.parametrize(
    ("load_step", "found"), [(0, "200"), (1, "100"), (149, "100"), (160, "200"), (10**6, "200")]
)
def test_the_nearest_step_is_found_and_0_means_the_newest(models, load_step, found):
    for path in (models, models.parent):
        assert find(path, load_step).name == found
    assert find(models / "100", load_step) == models / "100"


def test_a_folder_without_checkpoints_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="does not exist"):
        find(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        find(tmp_path)


def test_only_the_newest_checkpoint_keeps_the_replay_buffer(models):
    prune(models)
    assert set(load(models / "100")) == {"learner", "train"}
    assert set(load(models / "200")) == {"learner", "train", "replay"}


def test_nothing_is_pruned_while_the_newest_checkpoint_is_damaged(models):
    cut(models / "200" / "replay.pt")
    prune(models)
    assert (models / "100" / "replay.pt").exists()
