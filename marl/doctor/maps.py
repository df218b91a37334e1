"""The map files that the clients ask the game for, beside the published ones."""

from __future__ import annotations

import hashlib
from pathlib import Path

from marl.doctor.finding import Finding, State, listed
from marl.sc2api.known_maps import SMAC_MAPS, SMACV2_MAPS, SMACV2_NEEDED

FOLDER = "SMAC_Maps"  # within Maps/: both clients' `directory`
SUFFIX = ".SC2Map"
BIGGEST = 2**26  # bytes; a published one has under 2**15
ADVICE = "copy the published files into {folder}: how stands below"


def check_maps(game: Path, is_engine: bool = False) -> list[Finding]:
    """The maps of both clients. is_engine: our engine stands in for the game, which needs none."""
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
    if not path.is_file() or path.stat().st_size > BIGGEST:
        return ""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except PermissionError:
        return ""


def _misplaced(game: Path, folder: Path) -> tuple[str, str]:
    """What there is instead of the folder, and what to do."""
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
        found += f"; with other bytes: {listed(other)}"
    if absent:
        found += f"; missing: {listed(absent)}"
        return Finding(topic, State.MISSING, found, ADVICE.format(folder=folder))
    if other:
        advice = "edited, damaged or of another edition: results on them do not compare"
        return Finding(topic, State.DIFFERS, found, advice)
    return Finding(topic, State.OK, found)
