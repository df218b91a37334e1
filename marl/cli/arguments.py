"""The command line, parsed in sacred's grammar: [COMMAND] [flags] [with KEY=VALUE ...]."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marl.config.files import merge
from marl.config.schema import flatten
from marl.errors import ConfigError
from marl.program import PROGRAM

EXAMPLE = {"config": "lagma", "env-config": "sc2"}
COMMANDS = ("train", "evaluate", "replay", "bench", "print_config")
# Commands without --config and --env-config: only `with` may follow (marl/cli/main.py).
TOOLS = ("doctor", "watch", "reproduce", "plot", "collect")
USAGE = (
    f"{PROGRAM} [train|evaluate|replay|bench|print_config] "
    "--config=NAME --env-config=NAME [with key=value ...]"
)
WITH = "with"


@dataclass(frozen=True)
class Arguments:
    """The parsed command line."""

    command: str
    config: str | None  # --config
    env_config: str | None  # --env-config
    updates: dict[str, object]  # after `with`, nested
    options: dict[str, object]  # sacred's own, such as -F DIR


def split(argv: Sequence[str]) -> Arguments:
    """Parse argv, without the program's name."""
    rest: list[str] = []
    names: dict[str, str] = {}
    words = list(argv)
    while words:
        word = words.pop(0)
        flag, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or flag not in EXAMPLE:
            rest.append(word)
        elif flag in names:
            raise ConfigError(f"--{flag}: stands there twice; keep one")
        elif equals or (words and words[0] != WITH and not words[0].startswith("-")):
            names[flag] = value if equals else words.pop(0)
        else:
            raise ConfigError(f"--{flag}: needs a name, for example --{flag}={EXAMPLE[flag]}")
    commands, settings, options = _parsed(rest)
    command = commands[0] if commands else "train"
    setting = next((word for word in commands if "=" in word), None)
    if setting is not None:
        raise ConfigError(f"{setting}: settings stand after the word 'with': {USAGE}")
    if len(commands) > 1:
        raise ConfigError(f"{commands[1]!r}: one command is enough, and there is {command!r}")
    updates = parse_updates(settings)
    return Arguments(command, names.get("config"), names.get("env-config"), updates, options)


def _parsed(words: list[str]) -> tuple[list[str], list[str], dict[str, object]]:
    """The words before `with`, those after it, and sacred's flags."""
    options: dict[str, object] = {}
    if any(word.startswith("-") for word in words):
        from marl.cli.sacred_flags import take_flags  # a third of a second, for those who need it

        words, options = take_flags(words)
    if WITH not in words:
        return words, [], options
    at = words.index(WITH)
    if at == len(words) - 1:
        raise ConfigError("'with': settings follow it, for example: with map=3m seed=1")
    return words[:at], words[at + 1 :], options


def parse_updates(words: Sequence[str]) -> dict[str, object]:
    """`["a.b=1", "c=x"]` -> `{"a": {"b": 1}, "c": "x"}`: Python's literals, or else strings."""
    updates: dict[str, object] = {}
    said: dict[str, str] = {}  # dotted key -> the word that gave it
    for word in words:
        key, equals, text = (part.strip() for part in word.partition("="))
        if not equals or not all(part.isidentifier() for part in key.split(".")):
            raise ConfigError(f"{word!r}: expects key=value after 'with', for example t_max=200000")
        _check_section(updates, key, word)
        update = _nested(key, _value(text))
        for leaf in flatten(update):
            if leaf in said:
                raise ConfigError(f"{leaf}: is given twice, as {said[leaf]} and {word}; keep one")
            said[leaf] = word
        merge(updates, update)
    return updates


def _value(text: str) -> object:
    """Python's literal, or the text itself where it is none."""
    try:
        value: object = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError):
        return text
    return value


def _nested(key: str, value: object) -> dict[str, object]:
    """`a.b` and 1 -> `{"a": {"b": 1}}`."""
    *parents, last = key.split(".")
    update = {last: value}
    for name in reversed(parents):
        update = {name: update}
    return update


def _check_section(updates: Mapping[str, object], key: str, word: str) -> None:
    """Refuse `a=1 a.b=2`: the second would replace the first."""
    *parents, _ = key.split(".")
    here: object = updates
    for depth, name in enumerate(parents):
        here = here.get(name, {}) if isinstance(here, Mapping) else {}
        if not isinstance(here, Mapping):
            section = ".".join(parents[: depth + 1])
            raise ConfigError(f"{word}: {section} was already given the value {here!r}")
