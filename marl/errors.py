"""Errors that the user can mend: run.py prints their one line and exits with code 2."""


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
