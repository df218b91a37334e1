"""The command line, parsed in sacred's grammar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docopt import DocoptExit, docopt
from sacred.arg_parser import format_usage, get_config_updates
from sacred.experiment import gather_command_line_options

from marl.config.files import merge
from marl.errors import ConfigError

EXAMPLE = {"config": "lagma", "env-config": "sc2"}
COMMANDS = ("train", "evaluate", "replay", "bench", "print_config")
# Commands without --config and --env-config: only `with` may follow (marl/cli/main.py).
TOOLS = ("doctor", "watch", "reproduce", "plot")
USAGE = (
    "python run.py [train|evaluate|replay|bench|print_config] "
    "--config=NAME --env-config=NAME [with key=value ...]"
)


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
        if not word.startswith("--") or flag not in ("config", "env-config"):
            rest.append(word)
        elif equals or (words and words[0] != "with" and not words[0].startswith("-")):
            names[flag] = value if equals else words.pop(0)
        else:
            raise ConfigError(f"--{flag}: needs a name, for example --{flag}={EXAMPLE[flag]}")
    options = _sacred_options(rest)
    command = str(options["COMMAND"] or "train")
    if "=" in command:
        raise ConfigError(f"{command}: settings stand after the word 'with': {USAGE}")
    updates = parse_updates(list(options["UPDATE"]))
    return Arguments(command, names.get("config"), names.get("env-config"), updates, options)


def _sacred_options(words: list[str]) -> dict[str, Any]:
    """The command line as sacred parses it: COMMAND, UPDATE, and its own options."""
    usage = format_usage("dummy", "", {}, gather_command_line_options())
    try:
        return dict(docopt(usage, words, default_help=False))
    except DocoptExit:
        raise ConfigError(f"cannot parse {' '.join(words)!r}: {USAGE}") from None


def parse_updates(words: Sequence[str]) -> dict[str, object]:
    """`["a.b=1", "c=x"]` -> `{"a": {"b": 1}, "c": "x"}`, in sacred's grammar."""
    updates: dict[str, object] = {}
    for word in words:
        key, equals, _ = word.partition("=")
        if not equals or not all(part.isidentifier() for part in key.strip().split(".")):
            raise ConfigError(f"{word!r}: expects key=value after 'with', for example t_max=200000")
        _check_section(updates, key.strip(), word)
        merge(updates, get_config_updates([word])[0])
    return updates


def _check_section(updates: Mapping[str, object], key: str, word: str) -> None:
    """Refuse `a=1 a.b=2`: the second would replace the first."""
    *parents, _ = key.split(".")
    here: object = updates
    for depth, name in enumerate(parents):
        here = here.get(name, {}) if isinstance(here, Mapping) else {}
        if not isinstance(here, Mapping):
            section = ".".join(parents[: depth + 1])
            raise ConfigError(f"{word}: {section} was already given the value {here!r}")
