"""A dataset reads back as it was written, by Minari too, and bad ones are refused."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import ONE_AGENT, SMALL, VECTORS, random_batch

from marl.batch import WON, EpisodeBatch, layout_of
from marl.buffers.dataset import DatasetConfig
from marl.datasets.files import DATA, MANIFEST, METADATA
from marl.datasets.manifest import References, read_manifest
from marl.datasets.reader import Reader
from marl.datasets.writer import new_dataset
from marl.errors import ConfigError, EnvError, UnreadableError, UserError
from marl.spec import Continuous, EnvSpec

h5py = pytest.importorskip("h5py")

LENGTHS = [4, 9, 2]
SIMPLE = replace(VECTORS, name="test/simple", state_dim=6)  # its observation is the state
ENV = {"env": "gymnasium", "env_id": "Pendulum-v1", "time_limit": 0}


def rows_of(spec: EnvSpec) -> EpisodeBatch:
    """Three episodes, of which the second is cut off."""
    batch = random_batch(spec, 3, lengths=LENGTHS)
    batch.terminated[1] = False
    if spec is SIMPLE:
        batch.state.copy_(batch.obs[:, :, 0])
    return batch


def written(folder: Path, spec: EnvSpec = SIMPLE) -> EpisodeBatch:
    batch = rows_of(spec)
    with new_dataset(folder, spec, ENV, {"policy": "test"}, References(0.0, 10.0)) as writer:
        writer.add(batch, np.arange(3, dtype=np.uint64))
    return batch


@pytest.mark.parametrize("spec", [SMALL, ONE_AGENT, VECTORS, SIMPLE], ids=lambda spec: spec.name)
def test_a_dataset_reads_back_bit_for_bit(spec, tmp_path):
    batch = written(tmp_path / "d", spec)
    rows = list(Reader(tmp_path / "d", batch.layout, spec).episodes())
    assert len(rows) == 3
    for number, row in enumerate(rows):
        for name, column in batch.layout.items():
            wide = {"slot": LENGTHS[number] + 1, "step": LENGTHS[number]}.get(column.level)
            expected = batch[name][number] if wide is None else batch[name][number, :wide]
            assert torch.equal(row[name][0], expected), name


def test_ends_and_cuts_stay_apart_and_the_last_observation_is_the_true_one(tmp_path):
    batch = written(tmp_path / "d")
    with h5py.File(tmp_path / "d" / DATA) as file:
        ends = [(g["terminations"][-1], g["truncations"][-1]) for g in file.values()]
        assert ends == [(True, False), (False, True), (True, False)]
        last = file["episode_1/observations"][-1]
    assert np.array_equal(last, batch.obs[1, 9, 0].numpy())


@pytest.mark.parametrize("spec", [SMALL, SIMPLE], ids=lambda spec: spec.name)
def test_minaris_own_loader_reads_it(spec, tmp_path, monkeypatch):
    minari = pytest.importorskip("minari")
    batch = written(tmp_path / "some" / "name-v0", spec)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    dataset = minari.MinariDataset(tmp_path / "some" / "name-v0" / "data")
    assert (dataset.total_episodes, dataset.total_steps) == (3, 15)
    episode = next(iter(dataset.iterate_episodes([1])))
    shown = episode.observations if spec is SIMPLE else episode.observations["obs"]
    assert np.array_equal(shown.reshape(10, -1), batch.obs[1].flatten(1).numpy())
    assert np.array_equal(episode.rewards, batch.reward[1, :9, 0].numpy())
    assert (episode.terminations.any(), episode.truncations[-1]) == (False, True)
    assert dataset.action_space.contains(episode.actions[0])


def test_a_dataset_of_minaris_own_making_is_read(tmp_path, monkeypatch):
    minari = pytest.importorskip("minari")
    gymnasium = pytest.importorskip("gymnasium")
    from minari.data_collector import EpisodeBuffer

    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    spaces = gymnasium.spaces
    buffer = EpisodeBuffer(
        id=0,
        observations=[3, 1, 2],
        actions=[1, 2],
        rewards=[0.5, 1.5],
        terminations=[False, False],
        truncations=[False, True],
    )
    minari.create_dataset_from_buffers(
        dataset_id="test/own-v0",
        buffer=[buffer],
        env="Taxi-v4",
        observation_space=spaces.Discrete(4, start=1),
        action_space=spaces.Discrete(3, start=1),
    )
    folder = tmp_path / "test" / "own-v0"
    assert read_manifest(folder, "dataset").env["env_id"] == "Taxi-v4"
    spec = replace(ONE_AGENT, obs_dim=4, state_dim=4, action=type(ONE_AGENT.action)(3))
    (row,) = Reader(folder, layout_of(spec), spec).episodes()
    assert row.obs[0, :, 0].argmax(-1).tolist() == [2, 0, 1]
    assert row.actions[0, :, 0].tolist() == [0, 1]
    assert row.reward[0, :, 0].tolist() == [0.5, 1.5]
    assert not row.terminated.any()


def test_a_writer_that_is_stopped_leaves_nothing(tmp_path):
    def stopped() -> None:
        with new_dataset(tmp_path / "d", SIMPLE, ENV, {}, References()) as writer:
            writer.add(rows_of(SIMPLE))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(ConfigError, match=r"out: .* is not empty; name a new folder"):
        written(tmp_path)


def test_without_h5py_one_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(EnvError, match=r"h5py is not installed; pip install .*\[offline\]"):
        written(tmp_path / "d")


# what does not fit, and what strangers write


def read_all(folder: Path, spec: EnvSpec = SIMPLE) -> None:
    len(DatasetConfig(str(folder)).build(layout_of(spec), spec))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (replace(SIMPLE, obs_dim=5, state_dim=5), "does not fit test/simple: obs has 6 numbers"),
        (replace(SIMPLE, episode_limit=8), "episode 1 has 9 steps, .* set the environment's time"),
        (replace(SIMPLE, action=Continuous((-2.0,), (2.0,))), "actions are 2 numbers, not 1"),
        (replace(SIMPLE, action=Continuous((-2.0, 0.0), (2.0, 1.0))), "within other bounds"),
        (replace(SIMPLE, action=ONE_AGENT.action), "actions are no discrete ones, not 5"),
        (SMALL, "it is of a single agent"),
    ],
)
def test_a_dataset_of_something_else_is_refused(spec, message, tmp_path):
    written(tmp_path / "d")
    with pytest.raises(ConfigError, match=message):
        read_all(tmp_path / "d", spec)


def test_a_recipes_own_columns_must_be_there(tmp_path):
    written(tmp_path / "d", SIMPLE)
    forget(tmp_path / "d")
    with h5py.File(tmp_path / "d" / DATA, "a") as file:
        del file["episode_0/infos"]
    with pytest.raises(ConfigError, match="episode 0 does not say who won"):
        len(DatasetConfig(str(tmp_path / "d")).build(layout_of(SIMPLE, [WON]), SIMPLE))


def forget(folder: Path) -> None:
    """Drop the manifest, and with it the checksum."""
    (folder / MANIFEST).unlink()


def test_a_changed_file_is_found_by_its_checksum(tmp_path):
    written(tmp_path / "d")
    with h5py.File(tmp_path / "d" / DATA, "a") as file:
        file["episode_0/rewards"][0] = 5.0
    with pytest.raises(ConfigError, match=r"is not the file that manifest\.json was written for"):
        read_all(tmp_path / "d")


def put(name: str, values: object, **options: object) -> Callable[[Path], None]:
    """Replaces an array of the first episode."""

    def change(path: Path) -> None:
        with h5py.File(path, "a") as file:
            del file[f"episode_0/{name}"]
            file["episode_0"].create_dataset(name, data=values, **options)

    return change


def huge(path: Path) -> None:
    with h5py.File(path, "a") as file:
        del file["episode_0/rewards"]
        file["episode_0"].create_dataset("rewards", shape=(10**12,), dtype="f4", chunks=(1024,))


def again(path: Path) -> None:
    """Every episode is the same one."""
    with h5py.File(path, "a") as file:
        for number in range(3, 4000):
            file[f"episode_{number}"] = file["episode_1"]
    metadata = json.loads((path.parent / "metadata.json").read_text())
    text = json.dumps({**metadata, "total_episodes": 4000})
    (path.parent / "metadata.json").write_text(text)


def elsewhere(path: Path) -> None:
    with h5py.File(path, "a") as file:
        del file["episode_0/rewards"]
        file["episode_0/rewards"] = h5py.ExternalLink("/etc/passwd", "/rewards")


def outside(path: Path) -> None:
    secret = path.parent / "secret"
    secret.write_bytes(bytes(16))
    with h5py.File(path, "a") as file:
        del file["episode_0/rewards"]
        where = [(str(secret), 0, 16)]
        file["episode_0"].create_dataset("rewards", (4,), "f4", external=where)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def rubbish(path: Path) -> None:
    path.write_bytes(b"no HDF5")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("rewards", [0.0, np.nan, 0.0, 0.0]), "episode 0, step 1: rewards holds .* NaN"),
        (put("actions", [[0.0, np.inf]] * 4), "episode 0, step 0: actions holds .* infinite"),
        (put("observations", np.full((5, 6), np.nan)), "step 0: observations holds"),
        (put("rewards", np.zeros(4), compression="gzip", chunks=(4,)), "rewards is compressed"),
        (put("observations", np.zeros((4, 6))), "observations has 4 entries, and needs 5"),
        (put("terminations", [True, False, False, False]), "goes on after its end at step 0"),
        (put("rewards", ["a", "b", "c", "d"]), "rewards is no array of numbers"),
        (huge, "rewards is compressed, lies elsewhere or is not all there"),
        (outside, "rewards is compressed, lies elsewhere or is not all there"),
        (elsewhere, "rewards is a link to elsewhere"),
        (again, "its arrays are larger than the file"),
        (cut, "is damaged or cut off"),
        (rubbish, "is damaged or cut off"),
    ],
)
def test_what_a_stranger_wrote_is_refused_in_one_line(change, message, tmp_path):
    written(tmp_path / "d")
    forget(tmp_path / "d")
    change(tmp_path / "d" / DATA)
    with pytest.raises(UnreadableError, match=message) as caught:
        read_all(tmp_path / "d")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["[]", "{}", '{"format": 1, "env": 3}', "{"])
def test_a_manifest_that_is_none_is_refused(text, tmp_path):
    written(tmp_path / "d")
    (tmp_path / "d" / MANIFEST).write_text(text)
    with pytest.raises(UnreadableError, match=r"manifest\.json: is no"):
        read_all(tmp_path / "d")


def test_a_folder_without_its_data_is_refused(tmp_path):
    written(tmp_path / "d")
    (tmp_path / "d" / DATA).unlink()
    with pytest.raises(
        ConfigError, match=r"has no data/main_data\.hdf5, so the dataset is not who"
    ):
        read_all(tmp_path / "d")
    (tmp_path / "d" / METADATA).unlink()
    with pytest.raises(ConfigError, match="is not the folder of a dataset"):
        read_manifest(tmp_path / "d", "dataset")


def test_scores_are_0_for_random_and_100_for_the_expert():
    assert References(-10.0, 30.0).score(-10.0) == 0.0
    assert References(-10.0, 30.0).score(10.0) == 50.0
    assert References(-10.0, 30.0).score(30.0) == 100.0
    assert References(-10.0, None).score(30.0) is None
    assert References(-10.0, -11.0).score(30.0) is None


def mutated(raw: bytes, seed: int) -> bytes:
    """The file with some bytes changed, and at times cut off."""
    rng, data = random.Random(seed), bytearray(raw)
    for _ in range(rng.choice([1, 2, 8, 64])):
        data[rng.randrange(len(data))] = rng.choice([0, 255, rng.randrange(256)])
    return bytes(data[: rng.randrange(len(data))] if rng.random() < 0.2 else data)


@pytest.mark.parametrize("count", [100, pytest.param(2000, marks=pytest.mark.slow)])
def test_mutated_files_are_read_or_refused_and_nothing_else(count, tmp_path):
    written(tmp_path / "d")
    forget(tmp_path / "d")
    path = tmp_path / "d" / DATA
    raw, refusals = path.read_bytes(), 0
    for seed in range(count):
        path.write_bytes(mutated(raw, seed))
        try:
            read_all(tmp_path / "d")
        except UserError:
            refusals += 1
    assert 0 < refusals < count
