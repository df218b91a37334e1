"""`doctor with install_engine_as_sc2=<folder>`: our engine where the clients look for the game.

A list of the written files stays in the folder. Only a folder that is absent, empty, or holds just
the files of such a list is written to: no file of the game or of anybody else is ever replaced.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Callable
from pathlib import Path

from marl.doctor.game import is_program
from marl.errors import ConfigError
from marl.program import PROGRAM

KEY = "install_engine_as_sc2"
LIST = "engine-as-sc2.json"
# Folders that the clients write in the game's folder while they play: ignored, and left alone.
WRITTEN_BY_CLIENTS = ("Replays", "Temp")


def install_engine(folder: Path, install: Callable[[Path], None] | None = None) -> str:
    """Write the tree for SC2PATH; returns the next steps, for the user.

    install: the function that writes it, by default marl.sc2api.install.install_tree.
    """
    refuse_foreign(folder)
    folder = folder.expanduser().absolute()
    install = install or _installer()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_list(folder, None)  # if we are stopped half-way, all files in it are ours
        install(folder)
        _write_list(folder, {name: digest(folder / name) for name in files_in(folder)})
    except OSError as error:
        where = error.filename or folder
        raise ConfigError(f"{KEY}: {where}: {error.strerror or error}") from error
    return (
        f"our engine is now in {folder}, where the clients expect the game\n"
        f"  export SC2PATH={shlex.quote(str(folder))}\n"
        f"and start the client as usual; {PROGRAM} doctor checks what it finds there"
    )


def _installer() -> Callable[[Path], None]:
    try:
        from marl.sc2api.install import install_tree
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{KEY}: the package {error.name} is missing; "
            'pip install -c constraints.txt -e ".[sc2api]"'
        ) from error
    return install_tree


def refuse_foreign(folder: Path) -> None:
    """ConfigError where the folder holds a game or another file that we did not write."""
    folder = folder.expanduser().absolute()
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ConfigError(f"{KEY}: {folder} is not a folder; name a new one")
    if not folder.is_dir():
        return
    real = [
        *(path for path in folder.glob("Versions/Base*/SC2*") if is_program(path)),
        *(folder / name for name in ("SC2Data", "StarCraft II.app") if (folder / name).exists()),
    ]
    if real:
        raise ConfigError(
            f"{KEY}: {folder} holds StarCraft II itself ({real[0].relative_to(folder)}); "
            "name another folder; that one is left as it is"
        )
    names = files_in(folder)
    ours = read_list(folder)
    if ours is None:
        foreign = names
    else:
        foreign = [
            name for name in names if name not in ours or ours[name] != digest(folder / name)
        ]
    if foreign and not is_unfinished(folder):
        raise ConfigError(
            f"{KEY}: {folder} holds files of others ({foreign[0]}); "
            "name a new or an empty folder, or one that this command made"
        )


def files_in(folder: Path) -> list[str]:
    """Relative names of the files below it, without the list and the files that clients write."""
    paths = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if not path.is_dir())
    return [
        str(path) for path in paths if path.parts[0] not in WRITTEN_BY_CLIENTS and str(path) != LIST
    ]


def digest(path: Path) -> str:
    """SHA-256 of the file; the target of a link."""
    if path.is_symlink():
        return f"link to {path.readlink()}"
    return hashlib.sha256(path.read_bytes()).hexdigest()


def is_engine(folder: Path) -> bool:
    """Whether our engine was installed there."""
    return read_list(folder) is not None


def read_list(folder: Path) -> dict[str, str] | None:
    """Written file -> its digest; None without a finished installation of ours."""
    return _read(folder)[1]


def is_unfinished(folder: Path) -> bool:
    """Whether an installation of ours was stopped half-way."""
    found, names = _read(folder)
    return found and names is None


def _read(folder: Path) -> tuple[bool, dict[str, str] | None]:
    """Whether there is a list of ours, and its contents."""
    path = folder / LIST
    if not path.is_file():
        return False, None
    try:
        names = json.loads(path.read_text("utf-8"))["files"]
    except (ValueError, KeyError, TypeError):
        return False, None  # not written by us
    return True, None if names is None else dict(names)


def _write_list(folder: Path, files: dict[str, str] | None) -> None:
    about = f"written by `{PROGRAM} doctor`, which may replace these files"
    content = json.dumps({"about": about, "files": files}, indent=1)
    (folder / LIST).write_text(content + "\n", "utf-8")
