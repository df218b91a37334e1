"""Errors that the user can fix: run.py prints their one line and exits with their code."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import ClassVar


class UserError(Exception):
    """An error whose one line names the fault, its place and the remedy."""

    exit_code: ClassVar[int] = 2  # of run.py: what was asked for can't be done


class ConfigError(UserError):
    """A key or a value of the configuration."""


class FieldError(ConfigError):
    """A refused value. path: its dotted key, by which a caller finds where it was set."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path


class SeveralKeysError(ConfigError):
    """Several refused keys at once, a line for each."""

    def __init__(self, messages: Sequence[str]) -> None:
        super().__init__(" | ".join(messages))
        self.messages = list(messages)


class EnvError(UserError):
    """A map, an environment or a package it needs."""


class CheckpointError(UserError):
    """A checkpoint that is missing, damaged or does not fit, or that could not be written."""


class MemoryShortError(UserError):
    """A replay that takes more memory than there is."""


class UnreadableError(UserError):
    """A file that is not what its kind may be: damaged, too large, or no regular file."""


class NotFiniteError(UserError):
    """A training that met a number which is NaN or infinite."""

    exit_code = 1  # what was asked for was begun, and failed


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is like `name`, whatever its case; None where none is."""
    by_fold = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(name.casefold(), by_fold, n=1)
    return by_fold[near[0]] if near else None


def one_line(message: object) -> str:
    """A message, or an error's, in one line, without anything that a terminal would obey."""
    return printable(" ".join(str(message).split()))


def printable(text: str) -> str:
    """The text with everything escaped that is not seen but obeyed."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def nearest_or_all(name: str, known: Iterable[str], lead: str = "there are") -> str:
    """Hint for an unknown name: the nearest known one, or all of them after `lead`."""
    names = list(known)
    near = nearest(name, names)
    return f"did you mean {near!r}?" if near else f"{lead}: {', '.join(names)}"
