"""An installation that StarCraft II's clients take for the game, with the engine in its place.

`SC2PATH=<folder>`: pysc2, python-sc2, smac and smacv2 then start `python -m marl.sc2api`.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import marl
from marl.errors import EnvError
from marl.sc2api.game import BUILD
from marl.sc2api.maps import DUMMY, SUFFIX, map_names
from marl.sc2api.warmup import compile_all

LAUNCHER = Path("Versions") / f"Base{BUILD}" / "SC2_x64"
MAP_FOLDER = Path("Maps") / "SMAC_Maps"
OWN_VARIABLES = ("PYTHONPATH", "PYTHONHOME", "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION")
SIGN = "# marl.sc2api"  # marks our launcher


def install_tree(folder: Path) -> None:
    """Write the installation; EnvError if the folder has a real game.

    The launcher runs this Python with this package, and unsets the variables by which a client's
    environment would change the server's. Compiles the engine if necessary.
    """
    launcher = folder / LAUNCHER
    if launcher.exists() and SIGN.encode() not in launcher.read_bytes()[:4096]:
        raise EnvError(f"{launcher} is there and not ours; choose another folder")
    try:
        for part in (LAUNCHER.parent, MAP_FOLDER, Path("Replays")):
            (folder / part).mkdir(parents=True, exist_ok=True)
        launcher.write_text(_script())
        launcher.chmod(0o755)
        for name in map_names():
            (folder / MAP_FOLDER / (name + SUFFIX)).write_bytes(DUMMY + name.encode() + b"\n")
        compile_all()
    except OSError as error:
        raise EnvError(f"cannot write the installation into {folder}: {error}") from error


def _script() -> str:
    """A shell script that replaces itself by the server, so that killing it ends the server."""
    package = Path(marl.__file__).resolve().parents[1]
    lines = [
        "#!/bin/sh",
        SIGN,
        f"unset {' '.join(OWN_VARIABLES)}",
        f"cd {shlex.quote(str(package))} || exit 1",
        f'exec {shlex.quote(sys.executable)} -m marl.sc2api "$@"',
    ]
    return "\n".join(lines) + "\n"
