"""The sinks of metrics: metrics.jsonl, TensorBoard, sacred."""

from __future__ import annotations

import json

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from marl.log.console import ConsoleSink
from marl.log.jsonl import JsonlSink, read_metrics
from marl.log.log import Log
from marl.log.sacred_sink import SacredSink
from marl.log.tensorboard import TensorBoardSink


def test_each_point_is_a_line(tmp_path):
    sink = JsonlSink(tmp_path / "metrics.jsonl")
    sink.write({"loss": 0.5}, t_env=10)
    sink.write({"test_return_mean": 2.0}, t_env=20)
    sink.close()
    first, second = read_metrics(tmp_path / "metrics.jsonl")
    assert (first["t_env"], first["loss"]) == (10, 0.5)
    assert (second["t_env"], second["test_return_mean"]) == (20, 2.0)
    assert second["time"] >= first["time"] > 1.5e9


def test_a_line_is_on_disk_before_the_next_one(tmp_path):
    sink = JsonlSink(tmp_path / "metrics.jsonl")
    sink.write({"loss": 0.5}, t_env=10)
    assert len(read_metrics(tmp_path / "metrics.jsonl")) == 1
    sink.close()


def test_resuming_drops_the_lines_of_repeated_steps(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"t_env": 10}\n{"t_env": 20}\n{"t_env": 30}\n{"t_en')  # killed while writing
    sink = JsonlSink(path, start=20)
    sink.write({}, t_env=25)
    sink.close()
    assert [line["t_env"] for line in read_metrics(path)] == [10, 20, 25]


def test_a_damaged_line_is_left_out_and_counted(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(
        b'{"t_env": 10}\n{"t_env": 1\n\xff\n[]\n{"t_env": NaN}\n{"t_env": 20, "a": NaN}\n'
    )
    sink = JsonlSink(path, start=20)
    sink.close()
    assert sink.damaged == 4
    assert [line["t_env"] for line in read_metrics(path)] == [10, 20]


def test_a_test_that_the_checkpoint_does_not_know_is_not_written_twice(tmp_path):
    """The run was killed between the test at 20 and the checkpoint with it."""
    path = tmp_path / "metrics.jsonl"
    lines = ['{"t_env": 10, "test_return_mean": 1}', '{"t_env": 20, "loss": 1}']
    path.write_text("\n".join([*lines, '{"t_env": 20, "test_return_mean": 2}', ""]))
    sink = JsonlSink(path, start=20, last_test=10)
    sink.write({"test_return_mean": 2.0}, t_env=20)
    sink.close()
    tests = [line["t_env"] for line in read_metrics(path) if "test_return_mean" in line]
    assert tests == [10, 20]
    assert [line["t_env"] for line in read_metrics(path)] == [10, 20, 20]
    sink = JsonlSink(path, start=20, last_test=20)
    sink.close()
    assert [line["t_env"] for line in read_metrics(path)] == [10, 20, 20]


def test_tensorboard_has_the_metric_as_tag_and_t_env_as_step(tmp_path):
    sink = TensorBoardSink(tmp_path)
    sink.write({"loss": 0.5}, t_env=10)
    sink.write({"loss": 0.25}, t_env=20)
    sink.close()
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [(e.step, e.value) for e in events.Scalars("loss")] == [(10, 0.5), (20, 0.25)]


def test_a_full_disk_is_met_by_the_training_and_by_no_thread(tmp_path, capfd):
    sink = TensorBoardSink(tmp_path)
    with open("/dev/full", "wb", buffering=0) as full:
        sink._records._writer = full
        with pytest.raises(OSError, match="No space left on device"):
            sink.write({"loss": 0.5}, t_env=10)
    assert capfd.readouterr().err == ""


def test_all_sinks_are_closed_where_one_cannot_be(tmp_path):
    class Failing:
        def write(self, metrics, t_env):
            pass

        def close(self):
            raise OSError(28, "No space left on device")

    lines = JsonlSink(tmp_path / "metrics.jsonl")
    log = Log([Failing(), lines], ConsoleSink(t_max=100))
    with pytest.raises(OSError, match="No space"):
        log.close()
    assert lines.file.closed


def test_a_resumed_tensorboard_hides_the_points_of_repeated_steps(tmp_path):
    for start, steps in ((0, (10, 20, 30)), (20, (25,))):
        sink = TensorBoardSink(tmp_path / str(start), start)
        for step in steps:
            sink.write({"loss": float(step)}, step)
        sink.close()
    (tmp_path / "both").mkdir()
    for index, start in enumerate(("0", "20")):
        (file,) = (tmp_path / start).iterdir()
        file.rename(tmp_path / "both" / f"events.out.tfevents.{index}")
    events = EventAccumulator(str(tmp_path / "both")).Reload()
    assert [e.step for e in events.Scalars("loss")] == [10, 20, 25]


class RunOfSacred:
    """The part of sacred's Run that SacredSink uses."""

    def __init__(self) -> None:
        self.info: dict[str, object] = {}
        self.scalars: list[tuple[str, float, int]] = []

    def log_scalar(self, name: str, value: float, step: int) -> None:
        self.scalars.append((name, value, step))


def test_sacred_gets_pymarls_pairs_of_lists():
    run = RunOfSacred()
    sink = SacredSink(run)
    sink.write({"loss": 0.5}, t_env=10)
    sink.write({"loss": 0.25, "epsilon": 1.0}, t_env=20)
    assert run.info == {
        "loss": [0.5, 0.25],
        "loss_T": [10, 20],
        "epsilon": [1.0],
        "epsilon_T": [20],
    }
    assert run.scalars == [("loss", 0.5, 10), ("loss", 0.25, 20), ("epsilon", 1.0, 20)]


def test_the_dict_that_sacreds_heartbeat_reads_does_not_change():
    run = RunOfSacred()
    sink = SacredSink(run)
    sink.write({"loss": 0.5}, t_env=10)
    seen = run.info
    before = json.dumps(seen)
    sink.write({"loss": 0.25}, t_env=20)
    assert json.dumps(seen) == before


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_never_written(tmp_path, value):
    """It would be no JSON; the loop stops before it (marl/run/finite.py)."""
    sink = JsonlSink(tmp_path / "metrics.jsonl")
    with pytest.raises(ValueError, match="not JSON compliant"):
        sink.write({"loss": value}, t_env=10)
    sink.close()
    assert read_metrics(tmp_path / "metrics.jsonl") == []
