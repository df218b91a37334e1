"""Facts about this machine, to be reported beside a measured time."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

import numba
import numpy as np
import torch

GROUPS = Path("/sys/fs/cgroup")
# Limit and use of memory, of control groups of version 2 and 1.
GROUP_LIMITS = (
    (GROUPS / "memory.max", GROUPS / "memory.current"),
    (GROUPS / "memory/memory.limit_in_bytes", GROUPS / "memory/memory.usage_in_bytes"),
)


def facts() -> dict[str, str]:
    """Processor, cores, load, versions and commit, as strings."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "load": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numba": numba.__version__,
        "numpy": np.__version__,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "commit": _commit(),
    }


def free_memory() -> int | None:
    """Bytes that this process may still take; None where that is not known.

    The machine's, or those of its control group (a container's limit) where they are fewer.
    """
    meminfo = Path("/proc/meminfo")
    if not meminfo.exists():
        return None
    found = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo.read_text(), re.MULTILINE)
    free = [1024 * int(found[1])] if found else []
    for limit, used in GROUP_LIMITS:
        if limit.exists() and used.exists() and limit.read_text().strip().isdigit():
            free.append(int(limit.read_text()) - int(used.read_text()))
    return max(0, min(free)) if free else None


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    """Commit of the source tree, with + for uncommitted changes; "unknown" outside a checkout."""
    here = Path(__file__).parent
    try:
        head = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True
        )
        dirty = subprocess.run(
            ["git", "status", "--porcelain"], cwd=here, capture_output=True, text=True
        )
    except FileNotFoundError:  # no git on this machine
        return "unknown"
    if head.returncode != 0:
        return "unknown"
    return head.stdout.strip() + ("+" if dirty.stdout.strip() else "")
