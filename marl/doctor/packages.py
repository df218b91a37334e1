"""Python and the packages: the requirements of setup.cfg, compared with constraints.txt."""

from __future__ import annotations

import configparser
import re
import sys
from importlib import metadata
from pathlib import Path

from marl.doctor.finding import Finding, State, listed
from marl.doctor.probe import ROOT

MIN_PYTHON = (3, 11)  # setup.cfg's python_requires
INSTALL = "pip install -c constraints.txt -e ."


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """Check the interpreter that runs the doctor."""
    found = ".".join(map(str, version))
    if version[:2] < MIN_PYTHON:
        least = ".".join(map(str, MIN_PYTHON))
        advice = f"install Python {least} or newer; make PYTHON=<path to it> train"
        return Finding("python", State.BROKEN, found, advice, needed=True)
    return Finding("python", State.OK, f"{found} at {sys.executable}", needed=True)


def check_packages(root: Path = ROOT) -> list[Finding]:
    """Check every package of setup.cfg: the required ones, then each extra."""
    config, constraints = root / "setup.cfg", root / "constraints.txt"
    gone = [path.name for path in (config, constraints) if not path.is_file()]
    if gone:
        found = f"no {' and no '.join(gone)} in {root}"
        advice = "run from a checkout of the project: its files list the packages"
        return [Finding("packages", State.MISSING, found, advice)]
    needed, extras = read_requirements(config)
    pins = read_pins(constraints)
    findings = _compare("packages", needed, pins, INSTALL, needed=True)
    for extra, names in extras.items():
        command = f'pip install -c constraints.txt -e ".[{extra}]"'
        findings += _compare(f"extra [{extra}]", names, pins, command, needed=False)
    return findings


def read_requirements(path: Path) -> tuple[list[str], dict[str, list[str]]]:
    """setup.cfg's install_requires, and the packages of each extra."""
    parser = configparser.RawConfigParser()
    parser.read(path, encoding="utf-8")
    needed = _names(parser.get("options", "install_requires", fallback=""))
    section = "options.extras_require"
    extras = dict(parser.items(section)) if parser.has_section(section) else {}
    return needed, {extra: _names(lines) for extra, lines in extras.items()}


def _names(lines: str) -> list[str]:
    """`gymnasium[classic-control]`, `setuptools<81`, `%(test)s` -> gymnasium, setuptools."""
    words = (re.match(r"[A-Za-z0-9][\w.-]*", line.strip()) for line in lines.splitlines())
    return list(dict.fromkeys(word.group().rstrip(".-") for word in words if word))


def read_pins(path: Path) -> dict[str, str]:
    """Package -> version, of the lines `name==version`; names in lower case."""
    lines = (line.partition("#")[0].strip() for line in path.read_text("utf-8").splitlines())
    pairs = (line.partition("==") for line in lines if "==" in line)
    return {_key(name): version.strip() for name, _, version in pairs}


def _key(name: str) -> str:
    """The normalised name: case, `_` and `.` do not count."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def installed(name: str) -> str | None:
    """The version that is installed, None if none is."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _compare(
    topic: str, names: list[str], pins: dict[str, str], command: str, needed: bool
) -> list[Finding]:
    """Findings on `names`: missing ones, ones that differ from their pin, or that all are there."""
    there = {name: installed(name) for name in names}
    missing = [name for name, version in there.items() if version is None]
    others = [
        f"{name} {version} (pinned: {pins[_key(name)]})"
        for name, version in there.items()
        if version is not None and _differs(version, pins.get(_key(name)))
    ]
    findings = []
    if missing:
        findings.append(Finding(topic, State.MISSING, listed(missing, 12), command, needed))
    if others:
        advice = f"{command}; the pinned versions were tested, others may work too"
        findings.append(Finding(topic, State.DIFFERS, listed(others, 12), advice, needed))
    if not findings:
        found = f"all {len(names)} there, as pinned"
        findings.append(Finding(topic, State.OK, found, needed=needed))
    return findings


def _differs(version: str, pin: str | None) -> bool:
    """Whether the versions differ; the part after + (2.13.0+cpu) names the build and is ignored."""
    return pin is not None and version.partition("+")[0] != pin.partition("+")[0]
