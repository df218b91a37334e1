"""How much memory there is for a replay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

GIB = 2**30
KIB = 2**10


def free_memory(root: Path = Path("/")) -> int | None:
    """Bytes that this process can still take without swapping; None where the system does not say.

    The least of what the machine has, what the container (cgroup) that it runs in may have, and
    what the process may (ulimit -v). Linux alone tells. root: of its file system.
    """
    found = [*_of_machine(root), *_of_cgroups(root), *_of_process(root)]
    return max(0, min(found)) if found else None


class Peak:
    """The most memory that this process took at once since it was made; 0 without Linux."""

    def __init__(self) -> None:
        with suppress(OSError):  # where that is not allowed, a peak counts once it is a new one
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        self.before = _of_status("VmHWM")

    def above_now(self) -> int:
        """Bytes that it was above what is taken now: what some work takes for a while."""
        peak = _of_status("VmHWM")
        return max(0, peak - _of_status("VmRSS")) if peak > self.before else 0


def in_gib(size: float) -> str:
    """For people: 1.5 GiB."""
    return f"{size / GIB:,.1f} GiB"


def _sizes(path: Path) -> dict[str, int]:
    """Bytes by name, of a file of /proc with lines such as `VmRSS:  1234 kB`."""
    lines = (line.split() for line in path.read_text().splitlines())
    return {line[0].rstrip(":"): int(line[1]) * KIB for line in lines if line[2:] == ["kB"]}


def _of_status(name: str) -> int:
    status = Path("/proc/self/status")
    return _sizes(status)[name] if status.exists() else 0


def _of_machine(root: Path) -> Iterator[int]:
    path = root / "proc/meminfo"
    if path.exists():
        yield _sizes(path)["MemAvailable"]


def _of_cgroups(root: Path) -> Iterator[int]:
    """Of the process's own cgroup and all above it, version 2 and 1."""
    groups = root / "proc/self/cgroup"
    lines = groups.read_text().splitlines() if groups.exists() else []
    for _, controllers, name in (line.split(":", 2) for line in lines):
        if controllers and "memory" not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup" / ("memory" if controllers else "")
        limit, usage, idle = (
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            if controllers
            else ("memory.max", "memory.current", "inactive_file")
        )
        folder = mount / name.lstrip("/")
        for place in (folder, *folder.parents):
            if not place.is_relative_to(mount):
                break
            if (place / usage).exists() and (place / limit).read_text().strip() != "max":
                stat = (line.split() for line in (place / "memory.stat").read_text().splitlines())
                cached = {line[0]: int(line[1]) for line in stat}.get(idle, 0)
                used = int((place / usage).read_text()) - cached
                yield int((place / limit).read_text()) - used


def _of_process(root: Path) -> Iterator[int]:
    status = root / "proc/self/status"
    if status.exists():
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            yield limit - _sizes(status)["VmSize"]
