"""Errors that the user can fix: run.py prints their one line and exits with code 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """An error whose one line names the fault, its place and the remedy."""


class ConfigError(UserError):
    """A key or a value of the configuration."""


class FieldError(ConfigError):
    """A refused value. path: its dotted key, by which a caller finds where it was set."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path


class EnvError(UserError):
    """A map, an environment or a package it needs."""


class CheckpointError(UserError):
    """A checkpoint that is missing, damaged or does not fit, or that could not be written."""


class MemoryShortError(UserError):
    """A replay that takes more memory than there is."""


def nearest_or_all(name: str, known: Iterable[str], lead: str = "there are") -> str:
    """Hint for an unknown name: the nearest known one, or all of them after `lead`."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"{lead}: {', '.join(names)}"
