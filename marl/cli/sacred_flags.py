"""sacred's own flags (-F DIR, --comment=TEXT ...), checked before a run makes its folder."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from docopt import DocoptExit, docopt
from sacred.arg_parser import format_usage
from sacred.experiment import gather_command_line_options

from marl.errors import ConfigError

OURS = ("--config", "--env-config")
# Flags of observers that need packages: module -> what pip installs.
NEEDED: dict[str, dict[str, str]] = {
    "--mongo_db": {"pymongo": "pymongo"},
    "--sql": {"sqlalchemy": "sqlalchemy"},
    "--tiny_db": {
        "tinydb": "tinydb",
        "tinydb_serialization": "tinydb-serialization",
        "hashfs": "hashfs",
    },
    "--s3": {"boto3": "boto3"},
}
CAPTURE = ("no", "sys", "fd")
PATHS = ("--file_storage", "--tiny_db")


def take_flags(words: Sequence[str]) -> tuple[list[str], dict[str, object]]:
    """The words without sacred's flags, and the flags that were given: long name -> value."""
    known = gather_command_line_options()
    flags = {long: short for short, long in (option.get_flags() for option in known)}
    for word in words:
        _check_word(word, flags)
    try:
        parsed = docopt(format_usage("run", "", {}, known), list(words), default_help=False)
    except DocoptExit:
        seen = ", ".join(word for word in words if word.startswith("-"))
        raise ConfigError(f"{seen}: cannot be parsed; flags are {_listed(flags)}") from None
    given = {long: parsed[long] for long in flags if parsed.get(long)}
    rest = [parsed["COMMAND"]] if parsed["COMMAND"] else []
    if parsed["with"]:
        rest += ["with", *parsed["UPDATE"]]
    return rest, {long: _checked(long, value) for long, value in given.items()}


def _listed(flags: dict[str, str]) -> str:
    return ", ".join([*OURS, *(f"{short} {long}" for long, short in flags.items())])


def _check_word(word: str, flags: dict[str, str]) -> None:
    """ConfigError where a long flag is neither ours nor sacred's, but a setting, say."""
    name, equals, value = word.partition("=")
    if not name.startswith("--") or any(long.startswith(name) for long in flags):
        return
    near = difflib.get_close_matches(name.replace("_", "-"), OURS, n=1, cutoff=0.75)
    if near:
        raise ConfigError(f"{word}: did you mean {near[0]}{equals}{value}?")
    key = name.removeprefix("--").replace("-", "_")
    raise ConfigError(
        f"{word}: settings stand after the word 'with', without dashes: "
        f"with {key}={value if equals else '...'}"
    )


def _checked(flag: str, value: object) -> object:
    """The value of a flag, or ConfigError where sacred would fail on it."""
    missing = [pip for module, pip in NEEDED.get(flag, {}).items() if find_spec(module) is None]
    if missing:
        packages = " ".join(missing)
        raise ConfigError(f"{flag}: sacred needs a package for it: pip install {packages}")
    if flag == "--enforce_clean":
        raise ConfigError(f"{flag}: run.py tells sacred of no repository; leave it out")
    text = str(value)
    numbers: dict[str, Callable[[str], object]] = {"--beat-interval": float, "--priority": float}
    try:
        if flag in numbers:
            numbers[flag](text)
    except ValueError:
        raise ConfigError(f"{flag}: expects a number, got {text!r}") from None
    if flag == "--capture" and text not in CAPTURE:
        raise ConfigError(f"{flag}: {text!r} is not one of {list(CAPTURE)}")
    levels = logging.getLevelNamesMapping()
    if flag == "--loglevel" and not text.isdigit() and text.upper() not in levels:
        raise ConfigError(f"{flag}: {text!r} is neither a number nor one of {list(levels)}")
    return str(Path(text).expanduser()) if flag in PATHS else value
