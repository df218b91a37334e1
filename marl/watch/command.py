"""`python run.py watch with run=<folder>`: the page for a run, or a list of those in a folder."""

from __future__ import annotations

import errno
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from marl.config.schema import option
from marl.config.split import split_parse
from marl.errors import ConfigError
from marl.program import PROGRAM
from marl.run.folder import run_folder
from marl.watch.runs import Runs, find
from marl.watch.server import HOST, WatchServer

DEFAULT_PORT = 8265
EXAMPLE = f"{PROGRAM} watch with run=<run folder>, or run=results for all of them"


@dataclass(frozen=True)
class WatchConfig:
    """The watched folder, and the port of its page."""

    run: str = option("results", path=True)  # a run's folder, or one with runs somewhere below it
    port: int | None = option(None, low=0, high=65535)  # None: DEFAULT_PORT, or a free one


def run(updates: Mapping[str, object]) -> int:
    """Serve the page until Ctrl-C; returns the exit code."""
    config: WatchConfig = split_parse(dict(updates), {"watch": WatchConfig})["watch"]
    folder = folder_of(config.run)
    for ending in (signal.SIGINT, signal.SIGTERM):  # a shell may have set them to be ignored
        signal.signal(ending, signal.default_int_handler)
    with open_server(Runs(folder), config.port) as server:
        print(f"watching {folder} at {server.url} (Ctrl-C ends this, not the training)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
    return 0


def folder_of(path: str) -> Path:
    """The folder to watch: a run's (`path` may be a checkpoint in it), or one that holds runs."""
    folder = Path(path)
    if not folder.is_dir():
        raise ConfigError(f"run: {path} is not a folder; {EXAMPLE}")
    if next(find(folder), None) is not None:
        return folder
    try:
        return run_folder(folder, "run")
    except ConfigError:
        raise ConfigError(f"run: there is no run in {path} or below it; {EXAMPLE}") from None


def open_server(runs: Runs, port: int | None) -> WatchServer:
    """The server on `port`, which must be free; None: on DEFAULT_PORT or a free one."""
    try:
        return WatchServer(runs, DEFAULT_PORT if port is None else port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE and port is None:
            return WatchServer(runs, 0)
        raise ConfigError(
            f"port: cannot listen on {HOST}:{port}: {error.strerror}; leave it out for a free one"
        ) from error
