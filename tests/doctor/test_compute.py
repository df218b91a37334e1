"""torch, threads, the cache of compiled code, and the five-step battle."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from marl.doctor import battle, compute
from marl.doctor.finding import State
from marl.doctor.probe import Probe, run_python


def torch_says(**changes: object) -> Probe:
    facts = {"version": "2.13.0", "cuda": "13.0", "gpus": [["H", 139.7]], "sum": 6.0, **changes}
    return Probe(0, f"a warning\n{json.dumps(facts)}\n", "")


def test_a_gpu_is_named_with_its_memory():
    torch, gpu = compute.check_torch(torch_says(), has_driver=True)
    assert torch.found == "2.13.0, built for CUDA 13.0"
    assert "H (140 GiB)" in gpu.found


def test_without_a_gpu_nothing_is_wrong_but_with_a_driver_something_is():
    without = torch_says(gpus=[], cuda=None)
    assert compute.check_torch(without, has_driver=False)[1].state is State.MISSING
    assert compute.check_torch(without, has_driver=True)[1].state is State.BROKEN


def test_a_torch_that_fails_or_miscounts_stops_the_engine():
    failed = Probe(1, "", "Traceback\nImportError: libtorch.so: no such file\n")
    (finding,) = compute.check_torch(failed, has_driver=False)
    assert finding.stops_the_engine
    assert finding.found == "ImportError: libtorch.so: no such file"
    assert compute.check_torch(torch_says(sum=5.0), has_driver=True)[0].stops_the_engine


def test_more_threads_than_cores_are_noticed_and_a_switched_off_compiler_stops_all():
    many = compute.check_threads({"OMP_NUM_THREADS": str(4 * (os.cpu_count() or 1))})
    assert many.state is State.DIFFERS
    assert "OMP_NUM_THREADS=" in many.found
    assert compute.check_threads({"NUMBA_DISABLE_JIT": "1"}).stops_the_engine
    assert not compute.check_threads({"NUMBA_DISABLE_JIT": "0"}).stops_the_engine


def test_the_cache_is_missing_until_the_step_is_compiled(tmp_path: Path):
    assert compute.examine_cache(tmp_path).state is State.MISSING
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "step.step_all-1.py311.nbi").write_bytes(b"x" * 2**20)
    finding = compute.examine_cache(tmp_path)
    assert finding.state is State.OK
    assert "1 files, 1 MiB" in finding.found
    assert len(list(tmp_path.rglob("*"))) == 2  # looking left nothing behind


def test_a_cache_that_cannot_be_written_says_what_to_set(tmp_path: Path):
    finding = compute.examine_cache(tmp_path / "gone")
    assert finding.state is State.BROKEN
    assert "NUMBA_CACHE_DIR" in finding.advice


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_cache_is_broken(tmp_path: Path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert compute.examine_cache(tmp_path).state is State.BROKEN


def test_the_faults_of_a_battle_are_named():
    shown = [
        {"legal": True, "finite": True, "ended": False, "state": bytes([step])} for step in range(5)
    ]
    assert battle.faults(shown) == []
    shown[3]["state"] = shown[2]["state"]
    shown[4]["ended"] = True
    assert battle.faults(shown) == [
        "the battle ended too early",
        "the state did not change",
    ]
    said = Probe(0, json.dumps({"wrong": ["x"], "ready": 1.0, "step": 1.0}), "")
    assert battle.check_battle(said).stops_the_engine


def test_a_crash_of_compiled_code_is_a_finding():
    crashed = run_python(["-c", "import os; os.kill(os.getpid(), 11)"], 20.0)
    assert crashed.code == -11
    assert "crashed" in battle.check_battle(crashed).advice


def test_an_endless_process_is_a_finding_too():
    endless = run_python(["-c", "import time; time.sleep(60)"], 0.5)
    assert battle.check_battle(endless).found == "not finished within its time limit"
