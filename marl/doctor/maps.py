"""The map files that the clients load, compared with the published ones."""

from __future__ import annotations

import hashlib
from pathlib import Path

from marl.doctor.finding import Finding, State, listed
from marl.sc2api.known_maps import SMAC_MAPS, SMACV2_MAPS, SMACV2_NEEDED

FOLDER = "SMAC_Maps"  # in Maps/: the `directory` of both clients
SUFFIX = ".SC2Map"
MAX_BYTES = 2**26  # of a map; published ones have less than 2**15
ADVICE = "copy the published files into {folder}: see below"


def check_maps(game: Path, is_engine: bool = False) -> list[Finding]:
    """Check the maps of both clients. is_engine: our engine replaces the game."""
    folder = game / "Maps" / FOLDER
    if not folder.is_dir():
        return [Finding("maps", State.MISSING, *_misplaced(game, folder))]
    digests = {path.name.removesuffix(SUFFIX): digest(path) for path in folder.glob(f"*{SUFFIX}")}
    if is_engine:
        found = f"{len(digests)} in {folder}; the engine knows them by name, whatever is in them"
        return [Finding("maps", State.OK, found)]
    return [
        _compare("maps of SMAC", SMAC_MAPS, digests, folder),
        _compare("maps of SMACv2", {SMACV2_NEEDED: SMACV2_MAPS[SMACV2_NEEDED]}, digests, folder),
    ]


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal; "" for one that can't be a map or can't be read."""
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        return ""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except PermissionError:
        return ""


def _misplaced(game: Path, folder: Path) -> tuple[str, str]:
    """Finding and advice where there is no `folder`."""
    lower = game / "maps"
    wrong = [
        path.parent
        for path in sorted((game / "Maps").rglob(f"3m{SUFFIX}"))
        if path.parent != folder
    ]
    if wrong:
        return f"no {folder}, but maps in {wrong[0]}", f"move that folder to {folder}"
    if lower.is_dir() and not (game / "Maps").exists():
        return f"{lower} instead of Maps", f"mv '{lower}' '{game / 'Maps'}': case counts"
    return f"no {folder}", ADVICE.format(folder=folder)


def _compare(topic: str, known: dict[str, str], there: dict[str, str], folder: Path) -> Finding:
    absent = sorted(name for name in known if name not in there)
    other = sorted(name for name in known if there.get(name, known[name]) != known[name])
    same = len(known) - len(absent) - len(other)
    found = f"{same} of {len(known)} as published"
    if other:
        found += f"; different: {listed(other)}"
    if absent:
        found += f"; missing: {listed(absent)}"
        return Finding(topic, State.MISSING, found, ADVICE.format(folder=folder))
    if other:
        advice = "edited, damaged or of another edition: results on them are not comparable"
        return Finding(topic, State.DIFFERS, found, advice)
    return Finding(topic, State.OK, found)
