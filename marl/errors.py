"""Errors that the user can mend: run.py prints their one line and exits with code 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Says in one line what is wrong, where, and what to do."""


class ConfigError(UserError):
    """A key or a value of the configuration."""


class FieldError(ConfigError):
    """A refused value; `path` is its dotted key, so that a caller can say where it was set."""

    def __init__(self, path: str, text: str) -> None:
        super().__init__(f"{path}: {text}" if path else text)
        self.path = path


class EnvError(UserError):
    """A map, an environment or a package it needs."""


class CheckpointError(UserError):
    """A checkpoint that is missing, damaged or does not fit, or that could not be written."""


def nearest_or_all(name: str, known: Iterable[str], lead: str = "there are") -> str:
    """What to do about an unknown name: the nearest known one, or all of them after `lead`."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"{lead}: {', '.join(names)}"
