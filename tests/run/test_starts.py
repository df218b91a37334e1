"""Every task starts with its defaults: its replay needs no memory before it is filled."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks.starts import tasks

# Rows of the full length took 28 to 35 GiB on these.
LARGEST = ["sc2:27m_vs_30m", "sc2:bane_vs_bane", "sc2v2:zerg_20_vs_23", "sc2v2:protoss_20_vs_23"]
# One more episode of the full length, without a zero in its observations, in 2 GiB more than what
# the process took before.
PROGRAM = """
import resource
import sys

from marl.batch import EpisodeBatch, layout_of
from marl.cli.arguments import split
from marl.cli.resolve import make_plan

words = open("/proc/self/status").read().split()
taken = 1024 * int(words[words.index("VmSize:") + 1])
resource.setrlimit(resource.RLIMIT_AS, (taken + 2**31, taken + 2**31))
for task in sys.argv[1:]:
    env, name = task.split(":")
    plan = make_plan(split(["--config=qmix", f"--env-config={env}", "with", f"map={name}"]))
    spec = plan.env.build(1, 1).spec
    buffer = plan.recipe.buffer.build(layout_of(spec), spec)
    episode = EpisodeBatch.zeros(buffer.layout, 1, spec.episode_limit)
    episode.filled[:] = True
    episode.obs[:] = 1
    buffer.add(episode)
    assert buffer.capacity == 5000, task
    assert buffer.steps == spec.episode_limit, task
    print(task)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits address space as Linux does")
@pytest.mark.parametrize("which", [LARGEST, pytest.param(tasks(), marks=pytest.mark.slow)])
def test_the_replay_takes_no_memory_before_it_is_filled(which):
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, *which], capture_output=True, text=True
    )
    assert found.stdout.split() == which, found.stderr[-1000:]


def test_all_27_maps_and_15_tasks_of_smacv2_are_started():
    names = [task.split(":")[0] for task in tasks()]
    assert (names.count("sc2"), names.count("sc2v2")) == (27, 15)
