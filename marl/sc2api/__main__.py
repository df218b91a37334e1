"""python -m marl.sc2api -listen 127.0.0.1 -port 5000: the arguments are those of the game.

-dataDir: the installation, with the map files in its folder Maps. Other arguments of the game's
clients (-tempDir, -dataVersion, -verbose ...) are ignored.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from marl.sc2api.game import Game

LOOPBACK = "127.0.0.1"
MAP_FOLDERS = ("Maps", "maps")


@dataclass(frozen=True)
class Arguments:
    """The address to listen on, and the folder of map files."""

    host: str = LOOPBACK
    port: int = 5000
    folder: Path = Path()


def parse(words: Sequence[str]) -> Arguments:
    """The parsed arguments; SystemExit names a wrong value."""
    values: dict[str, str] = {}
    for n, word in enumerate(words[:-1]):
        if word in ("-listen", "-port", "-dataDir"):
            values[word] = words[n + 1]
    port = values.get("-port", "5000")
    if not port.isdecimal() or int(port) > 65535:
        raise SystemExit(f"error: -port {port} is not a number within 0..65535")
    base = Path(values.get("-dataDir", "."))
    maps = next((base / name for name in MAP_FOLDERS if (base / name).is_dir()), base)
    return Arguments(values.get("-listen", LOOPBACK), int(port), maps)


def main(words: Sequence[str]) -> int:
    """Serve one client until it disconnects or quits."""
    from marl.sc2api import wire

    arguments = parse(words)
    try:
        server = wire.listen(arguments.host, arguments.port)
    except OSError as error:
        print(f"error: cannot listen on {arguments.host}:{arguments.port}: {error}")
        return 2
    # The client can connect while the engine is being loaded.
    from marl.sc2api.game import QUIT, Game

    client = wire.await_client(server)
    if client is None:
        return 0
    game = Game(arguments.folder)
    for message in client.requests():
        client.send(_answer(game, message))
        if game.status == QUIT:
            break
    client.close()
    return 0


def _answer(game: Game, message: bytes) -> bytes:
    """The game's answer; an exception becomes an error, with its traceback on stderr."""
    try:
        return game.answer(message)
    except Exception as error:
        traceback.print_exc()
        return game.failure(f"internal error: {error!r}")


def leave(code: int) -> NoReturn:
    """End the process at once: unloading compiled code would take a second."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    try:
        leave(main(sys.argv[1:]))
    except KeyboardInterrupt:
        leave(130)
