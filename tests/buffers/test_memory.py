"""How much memory is free: the least of the machine's, the container's and the process's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from marl.buffers.memory import free_memory, in_gib

MEMINFO = "MemTotal:  4000 kB\nMemFree:  100 kB\nMemAvailable:  3000 kB\nHugePages_Total:  0\n"


@pytest.fixture
def root(tmp_path) -> Path:
    """A file system of a machine with 3,000 KiB to give."""
    write(tmp_path / "proc/meminfo", MEMINFO)
    return tmp_path


def write(path: Path, text: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n")


def group(folder: Path, limit: object, used: int, idle: int) -> None:
    write(folder / "memory.max", limit)
    write(folder / "memory.current", used)
    write(folder / "memory.stat", f"anon 5\ninactive_file {idle}\nactive_file 7")


def test_a_machine_gives_what_it_calls_available(root):
    assert free_memory(root) == 3000 * 1024


def test_a_container_gives_its_limit_less_what_it_cannot_let_go(root):
    write(root / "proc/self/cgroup", "0::/")
    group(root / "sys/fs/cgroup", 10_000, 4000, 1500)
    assert free_memory(root) == 10_000 - 2500


def test_groups_within_groups_are_all_asked_and_those_without_a_limit_passed_over(root):
    write(root / "proc/self/cgroup", "0::/a/b")
    group(root / "sys/fs/cgroup/a/b", "max", 4000, 0)
    group(root / "sys/fs/cgroup/a", 9000, 8000, 0)
    assert free_memory(root) == 1000
    group(root / "sys/fs/cgroup/a", 9000, 9500, 0)
    assert free_memory(root) == 0


def test_the_older_groups_are_asked_under_their_own_names(root):
    write(root / "proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/x\n1:name=systemd:/x")
    folder = root / "sys/fs/cgroup/memory"
    write(folder / "memory.limit_in_bytes", 2000)
    write(folder / "memory.usage_in_bytes", 700)
    write(folder / "memory.stat", "cache 1\ntotal_inactive_file 300")
    assert free_memory(root) == 2000 - 400


def test_where_the_system_does_not_tell_nothing_is_said(tmp_path):
    assert free_memory(tmp_path) is None


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux alone tells")
def test_a_limit_of_the_process_counts():
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**36, 2**36));"
        "from marl.buffers.memory import free_memory as free; before = free();"
        "resource.setrlimit(resource.RLIMIT_AS, (2**33, 2**33)); print(before, free())"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, limited = map(int, out.stdout.split())
    assert 0 < limited < 2**33
    assert limited <= before


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux alone tells")
def test_what_was_taken_for_a_while_is_seen_and_what_came_before_is_not():
    code = (
        "import numpy as np; from marl.buffers.memory import Peak; a = np.ones(2**26); del a;"
        "peak = Peak(); first = peak.above_now(); a = np.ones(2**25); second = peak.above_now();"
        "del a; print(first, second, peak.above_now())"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, second, third = map(int, out.stdout.split())
    assert first < 2**20
    assert second < 2**24
    assert third > 0.9 * 2**28


def test_sizes_are_for_people():
    assert in_gib(1.5 * 2**30) == "1.5 GiB"
    assert in_gib(2**41) == "2,048.0 GiB"
