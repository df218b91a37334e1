"""StarCraft II itself: its folder, build, program and data, as the clients find them.

Where the clients look: pysc2 4.0 (pysc2/run_configs/platforms.py) and python-sc2, read 2026-11-21.
Nothing of the game is started.
"""

from __future__ import annotations

import os
import platform
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from marl.doctor.finding import Finding, State, listed

# The folders that the clients try without SC2PATH. On Windows and macOS they first read the file
# that the game writes when it is started.
DEFAULT_FOLDERS = {
    "Linux": Path("~/StarCraftII"),
    "Windows": Path("C:/Program Files (x86)/StarCraft II"),
    "Darwin": Path("/Applications/StarCraft II"),
}
BINARIES = {
    "Linux": "SC2_x64",
    "Windows": "SC2_x64.exe",
    "Darwin": "SC2.app/Contents/MacOS/SC2",
}
MIN_BUILD = 55958  # 3.16.1: the first with the API
PUBLISHED = {
    75689: "used by SMACv2 and most later papers",
    69232: "used by the SMAC paper",
}
# Blizzard's Linux packages (github.com/Blizzard/s2client-proto, README) -> their versions.
VERSIONS = {
    55958: "3.16.1",
    56787: "3.17",
    59587: "4.0.2",
    60321: "4.1.2",
    67926: "4.6 or 4.6.1",
    69232: "4.6.2",
    70154: "4.7 or 4.7.1",
    71663: "4.8.2",
    72282: "4.8.3",
    73286: "4.8.4",
    73620: "4.8.6",
    74071: "4.9.0",
    74456: "4.9.1",
    74741: "4.9.2",
    75025: "4.9.3",
    75689: "4.10",
}
# Needed by the package's own libstdc++ (github.com/Blizzard/s2client-proto/issues/84). Assumed
# where the files name no version.
MIN_GLIBC = (2, 18)
ELF = b"\x7fELF"
SEE_BELOW = "see below how to get it"


@dataclass(frozen=True)
class Place:
    """The folder that the clients would use, and the reason."""

    folder: Path
    reason: str


def find_place(environ: Mapping[str, str] | None = None, system: str = platform.system()) -> Place:
    """The folder in which the clients look for the game."""
    environ = os.environ if environ is None else environ
    if environ.get("SC2PATH"):
        return Place(Path(environ["SC2PATH"]).expanduser(), "SC2PATH")
    folder = DEFAULT_FOLDERS.get(system, DEFAULT_FOLDERS["Linux"]).expanduser()
    return Place(folder, "SC2PATH is not set; the clients' default")


def check_game(place: Place, system: str = platform.system()) -> list[Finding]:
    """Check the folder, the build that the clients would start, and its requirements."""
    found = f"{place.folder} ({place.reason})"
    if not place.folder.is_dir():
        return [Finding("folder", State.MISSING, f"no folder {found}", SEE_BELOW)]
    folder = Finding("folder", State.OK, found)
    builds, odd = find_builds(place.folder)
    if odd:
        advice = "remove or rename it: pysc2 reads every Versions/Base* as a number, and fails"
        return [folder, Finding("build", State.BROKEN, f"Versions/{listed(odd)}", advice)]
    if not builds:
        found = f"no Versions/Base<number> in {place.folder}"
        advice = f"SC2PATH must name the folder that holds Versions/; {SEE_BELOW}"
        return [folder, Finding("build", State.MISSING, found, advice)]
    binary = place.folder / "Versions" / f"Base{max(builds)}" / BINARIES.get(system, "SC2_x64")
    findings = [folder, _build(builds), check_binary(binary)]
    if is_program(binary):
        findings.append(_data(place.folder))
        if system == "Linux":
            findings.append(check_glibc(binary, place.folder / "Libs"))
    return findings


def find_builds(folder: Path) -> tuple[list[int], list[str]]:
    """The numbers of Versions/Base<number>, and the names that are no number."""
    names = [path.name for path in sorted((folder / "Versions").glob("Base*"))]
    builds = [int(name[4:]) for name in names if name[4:].isdecimal()]
    return sorted(builds), [name for name in names if not name[4:].isdecimal()]


def _build(builds: list[int]) -> Finding:
    """Check the newest build: the clients start it unless a version is named."""
    newest = builds[-1]
    version = f"{VERSIONS[newest]} " if newest in VERSIONS else ""
    found = f"{version}build {newest}"
    if len(builds) > 1:
        found += f", the newest of {listed([str(build) for build in builds])}"
    if newest < MIN_BUILD:
        advice = "its API is too old: version 3.16.1 or newer is needed, 4.10 is best"
        return Finding("build", State.BROKEN, found, advice)
    if newest not in PUBLISHED:
        known = "; ".join(f"{VERSIONS[build]}, {use}" for build, use in PUBLISHED.items())
        advice = f"results of different builds are not comparable; published ones: {known}"
        return Finding("build", State.DIFFERS, found, advice)
    return Finding("build", State.OK, f"{found} ({PUBLISHED[newest]})")


def check_binary(binary: Path) -> Finding:
    """Check the file that the clients start."""
    if not binary.is_file():
        advice = f"the installation is incomplete: unpack it again; {SEE_BELOW}"
        return Finding("program", State.MISSING, str(binary), advice)
    if not os.access(binary, os.X_OK):
        advice = f"chmod +x '{binary}'; where that changes nothing, the disk is mounted noexec"
        return Finding("program", State.BROKEN, f"{binary} may not be executed", advice)
    if is_script(binary):
        return Finding("program", State.OK, f"{binary}: a script, our engine behind the game's API")
    kind = stat.filemode(binary.stat().st_mode)
    size = binary.stat().st_size / 2**20
    machine = platform.machine()
    if machine not in ("x86_64", "AMD64", "arm64"):  # macOS translates
        advice = "the game is made for x86-64 processors; use such a machine"
        return Finding("program", State.BROKEN, f"{binary} on {machine}", advice)
    return Finding("program", State.OK, f"{binary} ({kind}, {size:.0f} MiB)")


def is_script(path: Path) -> bool:
    """Whether the file begins with `#!`, as the launcher of our engine does."""
    return _begins(path, b"#!")


def is_program(path: Path) -> bool:
    """Whether the file is machine code, not a script."""
    return path.is_file() and not is_script(path)


def _begins(path: Path, start: bytes) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(start)) == start


def _data(folder: Path) -> Finding:
    """Check the game's data: gigabytes, missing after a broken download."""
    if (folder / "SC2Data").is_dir():
        return Finding("data", State.OK, "SC2Data is there")
    advice = f"the installation is incomplete: unpack it again; {SEE_BELOW}"
    return Finding("data", State.MISSING, f"no SC2Data in {folder}", advice)


def check_glibc(binary: Path, libs: Path, here: tuple[int, int] | None = None) -> Finding:
    """Check that this machine's C library is as new as the game's files need."""
    here = here or glibc_here()
    files = [binary, *sorted(libs.glob("*.so*"))]
    needed = {path.name: glibc_needed(path) for path in files if _begins(path, ELF)}
    known = {name: version for name, version in needed.items() if version is not None}
    file, least = max(known.items(), key=lambda item: item[1], default=("the game", MIN_GLIBC))
    found = f"{file} needs glibc {_dotted(least)}"
    if here is None:
        advice = "use a distribution with glibc (Debian, Ubuntu, Fedora), or a container of one"
        return Finding("glibc", State.BROKEN, f"{found}, this system has none", advice)
    found += f", this system has {_dotted(here)}"
    if here < least:
        advice = "use a newer distribution, or a container of one; glibc itself can't be replaced"
        return Finding("glibc", State.BROKEN, found, advice)
    return Finding("glibc", State.OK, found)


def glibc_here() -> tuple[int, int] | None:
    """The version of this process's C library, None where that is not glibc."""
    name, version = platform.libc_ver()
    parts = version.split(".")
    if name != "glibc" or len(parts) < 2:
        return None
    return int(parts[0]), int(parts[1])


def glibc_needed(path: Path) -> tuple[int, int] | None:
    """The newest `GLIBC_<a>.<b>` in the file: the names of the versions that its symbols need.

    Read in pieces that overlap by more than such a name, as the game's program is large.
    """
    newest: tuple[int, int] | None = None
    tail = b""
    with path.open("rb") as file:
        while piece := file.read(2**20):
            for match in re.finditer(rb"\bGLIBC_(\d+)\.(\d+)", tail + piece):
                version = (int(match[1]), int(match[2]))
                newest = max(newest or version, version)
            tail = piece[-32:]
    return newest


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
