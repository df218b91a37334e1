"""Checks of torch, the GPU, cores and threads, and the cache of the compiled engine."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from marl.doctor.finding import Finding, State
from marl.doctor.probe import Probe, run_python

TORCH_SECONDS = 180.0
CACHE_SECONDS = 180.0
TORCH = """
import json, torch
usable = torch.cuda.is_available()
gpus = range(torch.cuda.device_count()) if usable else []
properties = [torch.cuda.get_device_properties(index) for index in gpus]
print(json.dumps({
    "version": torch.__version__,
    "cuda": torch.version.cuda,
    "gpus": [[gpu.name, gpu.total_memory / 2**30] for gpu in properties],
    "sum": float((torch.ones(3, device="cuda" if usable else "cpu") * 2).sum()),
}))
"""
CACHE = """
import marl.compiled
from numba import config
print(config.CACHE_DIR)
"""
DRIVER = Path("/proc/driver/nvidia/version")
QUOTA = Path("/sys/fs/cgroup/cpu.max")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def check_torch(probe: Probe | None = None, has_driver: bool | None = None) -> list[Finding]:
    """Check torch, and the GPU by a sum on it."""
    probe = probe or run_python(["-c", TORCH], TORCH_SECONDS)
    if probe.code != 0:
        advice = "pip install -c constraints.txt --force-reinstall torch"
        return [Finding("torch", State.BROKEN, probe.last_line, advice, needed=True)]
    facts = json.loads(probe.out.strip().splitlines()[-1])
    built = f"for CUDA {facts['cuda']}" if facts["cuda"] else "for the CPU alone"
    found = f"{facts['version']}, built {built}"
    torch = Finding("torch", State.OK, found, needed=True)
    if facts["sum"] != 6.0:
        advice = (
            "its arithmetic is wrong here: reinstall torch, and the GPU's driver if one is used"
        )
        torch = Finding("torch", State.BROKEN, f"{found}; 2+2+2 is {facts['sum']}", advice, True)
    has_driver = DRIVER.exists() if has_driver is None else has_driver
    return [torch, _gpu(facts, has_driver)]


def _gpu(facts: Mapping[str, list[tuple[str, float]]], has_driver: bool) -> Finding:
    if facts["gpus"]:
        names = ", ".join(f"{name} ({size:.0f} GiB)" for name, size in facts["gpus"])
        return Finding("gpu", State.OK, f"{names}; device=auto trains on the first")
    if has_driver:
        advice = (
            "install the torch build for the driver's CUDA (pytorch.org/get-started), "
            "and look at CUDA_VISIBLE_DEVICES"
        )
        return Finding("gpu", State.BROKEN, "an NVIDIA driver, but torch finds no GPU", advice)
    advice = "none is needed: the networks are small, one CPU core trains them"
    return Finding("gpu", State.MISSING, "none that torch can use", advice)


def check_threads(environ: Mapping[str, str] | None = None) -> Finding:
    """Check the usable cores, their load, and the thread counts set in the environment."""
    environ = os.environ if environ is None else environ
    count = usable_cores()
    load = os.getloadavg()[0]
    threads = [f"{name}={environ[name]}" for name in THREADS if environ.get(name)]
    found = f"{count:g} of {os.cpu_count()} cores usable, load {load:.1f}; " + (
        ", ".join(threads) or "no *_NUM_THREADS set"
    )
    if environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        advice = "unset NUMBA_DISABLE_JIT: the engine is compiled code"
        return Finding("cores", State.BROKEN, f"{found}, NUMBA_DISABLE_JIT", advice, needed=True)
    numbers = [environ.get(name, "1") or "1" for name in THREADS[:2]]
    if any(number.isdigit() and int(number) > count for number in numbers):
        advice = "export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1: more threads than cores slow all down"
        return Finding("cores", State.DIFFERS, found, advice)
    if load > 1.5 * count:
        advice = "other programs use the cores: training is slower than in docs/performance.md"
        return Finding("cores", State.DIFFERS, found, advice)
    return Finding("cores", State.OK, found)


def usable_cores() -> float:
    """Cores that this process may use; a container's quota counts."""
    count = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
    words = QUOTA.read_text().split() if QUOTA.is_file() else []
    if len(words) == 2 and words[0] != "max":
        count = min(count, int(words[0]) / int(words[1]))
    return count


def check_cache() -> Finding:
    """Check numba's cache folder."""
    probe = run_python(["-c", CACHE], CACHE_SECONDS)
    if probe.code != 0:
        return Finding("numba", State.BROKEN, probe.last_line, "see the packages above", True)
    return examine_cache(Path(probe.out.strip().splitlines()[-1]))


def examine_cache(folder: Path) -> Finding:
    """Check that numba can write to its cache folder, and whether the compiled engine is there."""
    reason = _not_writable(folder)
    if reason:
        advice = (
            "every run compiles the engine anew, for minutes; "
            "export NUMBA_CACHE_DIR=<a writable folder>"
        )
        return Finding("numba cache", State.BROKEN, f"{folder}: {reason}", advice)
    kept = [path.stat().st_size for path in folder.rglob("*.nb[ic]")]
    size = f"{len(kept)} files, {sum(kept) / 2**20:.0f} MiB in {folder}"
    if any(folder.rglob("step.step_all*.nbi")):
        return Finding("numba cache", State.OK, f"the engine is compiled: {size}")
    advice = "nothing to do: the first battle compiles it, a few minutes, once on a machine"
    return Finding("numba cache", State.MISSING, f"the engine is not compiled yet: {size}", advice)


def _not_writable(folder: Path) -> str:
    """Why no file can be written there; "" if one can."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return error.strerror or str(error)
