"""What every kind of plot needs before it can write: matplotlib, and a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from marl.errors import ConfigError

EXTRA = 'pip install -c constraints.txt -e ".[plots]"'


@contextmanager
def needs_matplotlib() -> Iterator[None]:
    """Around the import of a module that draws: ConfigError without matplotlib."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        raise ConfigError(f"plot: matplotlib is missing; {EXTRA} installs it") from None


def make_folder(name: str) -> Path:
    """The folder of the results; ConfigError where it cannot be made."""
    folder = Path(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"out: cannot make {folder}: {error.strerror}") from None
    return folder
